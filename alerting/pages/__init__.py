"""Pages of incidents, objectives, rules, silences and channels, in both workspaces."""
