"""Tags of the pages of providers, models and prices."""
