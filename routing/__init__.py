"""Routing: providers, models, routes and targets; the engine that chooses, retries and fails over.

``engine/`` and ``providers/`` are data plane and never import Django.
"""
