"""The graphs: the turn, and folding and extraction on their own."""
