"""Pages of reports, the same in both workspaces."""
