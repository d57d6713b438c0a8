"""The tables of this app; each module has those of one subject."""

from alerting.channel_rows import Channel, Delivery
from alerting.incident_rows import Alert, EscalationPolicy, Incident, IncidentEntry, Silence
from alerting.objectives import SLO
from alerting.rules import AlertRule, CheckRun, RuleState

__all__ = [
    "SLO",
    "Alert",
    "AlertRule",
    "Channel",
    "CheckRun",
    "Delivery",
    "EscalationPolicy",
    "Incident",
    "IncidentEntry",
    "RuleState",
    "Silence",
]
