"""Alerting: SLOs, alert rules, incidents and channels (a later release)."""
