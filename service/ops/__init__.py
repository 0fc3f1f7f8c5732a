"""Looking after an installation: the doctor, the sweep, moving memories."""
