"""The management API of this app: objectives, rules, silences, incidents, channels, escalations and actions."""

from alerting.api.actions import ActionRunResource, AlertActionResource
from alerting.api.causes import DeploymentResource
from alerting.api.channels import ChannelResource, EscalationResource
from alerting.api.incidents import IncidentResource
from alerting.api.rows import RuleResource, SilenceResource, SLOResource

RESOURCES = (
    ("alerting/slos", SLOResource),
    ("alerting/rules", RuleResource),
    ("alerting/silences", SilenceResource),
    ("alerting/incidents", IncidentResource),
    ("alerting/channels", ChannelResource),
    ("alerting/escalations", EscalationResource),
    ("alerting/actions", AlertActionResource),
    ("alerting/action-runs", ActionRunResource),
    ("deployments", DeploymentResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
