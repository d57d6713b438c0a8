"""Alerting: objectives, rules over the sums by the minute, incidents, and who is told. Reads traffic only."""
