"""Answers that are kept for calls that ask the same again. A cache that fails is a cache that misses; no Django."""
