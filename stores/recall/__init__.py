"""Recall, the one door to what is remembered. Read `recall` first."""
