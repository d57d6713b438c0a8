"""Why an incident happened: which calls explain it, what changed just before, what it is like."""
