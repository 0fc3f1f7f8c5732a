"""What the memory asks of a model. Read `protocol` first; `llm` does it with a language model."""
