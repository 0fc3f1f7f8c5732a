"""Bringing in what a person said elsewhere. Read `formats` first, then `bring_in`."""
