"""Persistence and recall: checkpoints, journal, long-term memories, evidence.

`stores.open.open_stores(settings)` opens all of it.
"""
