"""Checkpoints and journal in SQLite files of the data dir. Decides nothing."""
