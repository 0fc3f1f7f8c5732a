"""The ways in from outside: command line, HTTP, agents, maintenance. Nothing imports this."""
