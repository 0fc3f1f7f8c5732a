"""OpenAI's chat completions, with memory. Read `routes` first."""
