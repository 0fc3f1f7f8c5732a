"""What a person said elsewhere. Read `formats` first, then `threads`, then `bring_in`."""
