"""Evaluators, statistics and drift: pure, without Django."""
