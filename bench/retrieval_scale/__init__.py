"""How quickly passages are found among many."""
