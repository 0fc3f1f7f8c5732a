"""The steps of a turn, one a file, and what they share."""
