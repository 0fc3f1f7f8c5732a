"""What a server notes in a run's configuration, for the graph to know. Names only."""

TEMPORARY = "mnemo_temporary"
"""Whether the server deletes the run's thread at its end: what is said there is then remembered
under a thread of its own, which that does not delete."""
BY_NAME = "mnemo_error_by_name"
"""Whether whoever asked is told of an error by the name of its class alone."""
