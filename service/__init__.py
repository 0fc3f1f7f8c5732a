"""The ways in from outside: the command line, the doctor, the sweep. Nothing imports this."""
