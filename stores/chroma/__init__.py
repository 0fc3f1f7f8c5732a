"""Long-term memory in Chroma. Read `store` first."""

from stores.chroma.store import ChromaStore

__all__ = ["ChromaStore"]
