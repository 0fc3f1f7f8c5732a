"""The journal of an owner: what `journal.py` decides, and how its records lie in a backend."""
