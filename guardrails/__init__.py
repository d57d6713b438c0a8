"""Guardrails: policies and rules, and the compiled detectors that apply them."""
