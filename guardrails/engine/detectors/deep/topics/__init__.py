"""What a text is about, by its likeness to examples that people gave."""
