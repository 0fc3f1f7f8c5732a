"""Who is calling, and what they may do: `identity` for tokens, `server` for a LangGraph server."""
