"""Detectors at leave to take long: models in worker threads, under a deadline."""
