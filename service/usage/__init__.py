"""What turns cost and how much a user may ask for. Read `callbacks` first, then `accounting`."""
