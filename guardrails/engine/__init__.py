"""Detectors and what applies them to the texts of a call; no Django here."""
