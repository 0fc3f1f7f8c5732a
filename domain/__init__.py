"""The types that travel and the decisions about them. Nothing here does I/O."""
