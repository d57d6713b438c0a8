"""Pages about tenants and what they own, in the console and in the portal."""
