"""What runs, ships and shows an installation."""
