"""One thin file for each command; cli.py finds them by name."""
