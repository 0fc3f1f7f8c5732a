"""Checkpoints and journal in Redis. Decides nothing."""
