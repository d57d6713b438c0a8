"""Template tags of the pages of documents."""
