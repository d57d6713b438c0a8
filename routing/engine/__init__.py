"""The routing engine: pure decisions (select, rank, break, retry) and one thin executor. No Django."""
