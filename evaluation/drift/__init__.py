"""Drift monitors: whether a tenant's calls are like they were, looked at by the clock."""
