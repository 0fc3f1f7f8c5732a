"""Ranking what was said against a message, without I/O. Read `index` first, then `ranking`."""
