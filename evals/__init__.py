"""Benchmarks: how well and how fast memory recalls, beside what others do."""
