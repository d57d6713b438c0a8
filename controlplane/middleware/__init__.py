"""Middleware of the control plane; the data plane's lane never passes here."""
