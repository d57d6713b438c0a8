"""Pages of this app, in tenants' workspaces."""
