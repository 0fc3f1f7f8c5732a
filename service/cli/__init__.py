"""The command `mnemo`. Read `app` first: it lists the verbs."""
