"""Evaluation of live traffic: which calls are sampled, what evaluators make of them, and what is kept of either."""
