"""The tables of this app; each module has those of one subject."""

from alerting.actions.rows import ActionRun, AlertAction
from alerting.causes.rows import Deployment, IncidentCauses, SummaryWriter
from alerting.channel_rows import Channel, Delivery
from alerting.incident_rows import Alert, EscalationPolicy, Incident, IncidentEntry, Silence
from alerting.objectives import SLO
from alerting.rules import AlertRule, AnomalyMemory, CheckRun, RuleState

__all__ = [
    "SLO",
    "ActionRun",
    "Alert",
    "AlertAction",
    "AlertRule",
    "AnomalyMemory",
    "Channel",
    "CheckRun",
    "Delivery",
    "Deployment",
    "EscalationPolicy",
    "Incident",
    "IncidentCauses",
    "IncidentEntry",
    "RuleState",
    "Silence",
    "SummaryWriter",
]
