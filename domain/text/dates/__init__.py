"""Dates in words. Read `dates` first; what languages other than English say is in `dates.toml`."""
