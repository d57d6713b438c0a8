"""How documents come in: stored as they are sent, then fetched, read, cut, embedded and indexed by workers."""
