"""The page: chat on one side, what is remembered on the other. Read `routes` first."""
