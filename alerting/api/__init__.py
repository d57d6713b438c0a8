"""The management API of this app: objectives, rules, silences and incidents."""

from alerting.api.actions import ActionRunResource, AlertActionResource
from alerting.api.causes import DeploymentResource
from alerting.api.incidents import IncidentResource
from alerting.api.rows import RuleResource, SilenceResource, SLOResource

RESOURCES = (
    ("alerting/slos", SLOResource),
    ("alerting/rules", RuleResource),
    ("alerting/silences", SilenceResource),
    ("alerting/incidents", IncidentResource),
    ("alerting/actions", AlertActionResource),
    ("alerting/action-runs", ActionRunResource),
    ("deployments", DeploymentResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
