"""Tenants: who may call (tenants, teams, keys, limits), who may operate (users), secrets and the audit log.

Knows nothing of providers, routes or the data plane.
"""
