"""The bot of `mnemo telegram`. Read `bot` first, then `answering`."""
