"""What alerts do by themselves, within limits, and how that is undone: through the services that people use, too."""
