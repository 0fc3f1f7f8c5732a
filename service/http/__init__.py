"""The HTTP application. Read `app` first: it mounts the routes."""
