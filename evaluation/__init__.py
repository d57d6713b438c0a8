"""Evaluation: golden sets, evaluators, drift and reports (a later release)."""
