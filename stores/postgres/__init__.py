"""Long-term memory in Postgres with pgvector. Read `store` first."""
