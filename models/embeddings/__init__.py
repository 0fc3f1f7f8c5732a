"""Embedding models: `open.py` decides which; the rest is what every one of them needs."""
