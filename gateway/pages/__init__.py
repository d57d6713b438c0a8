"""Pages about calls: the requests explorer, one run, replay."""
