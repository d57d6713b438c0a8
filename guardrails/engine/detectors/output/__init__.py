"""Rules for what a model answers."""
