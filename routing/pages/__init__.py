"""Pages about providers, models, prices and routes, in the console and in the portal."""
