"""The messages of a thread: whose they are, which turn each is of, which are refused.

Clients can write messages: read `checked_state.py` first.
"""
