"""Pages about the whole: the overview of each workspace, and how the installation itself is."""
