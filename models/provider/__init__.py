"""Speaking to a model server: where it is, what it is sent, what it says and what goes wrong."""
