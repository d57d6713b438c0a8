"""Texts as vectors, by small models on the processor: for caches, guardrails and retrieval alike.

Imports nothing of ours, and no Django: the data plane calls it.
"""
