"""The management API of this app: objectives, rules, silences and incidents."""

from alerting.api.incidents import IncidentResource
from alerting.api.rows import RuleResource, SilenceResource, SLOResource

RESOURCES = (
    ("alerting/slos", SLOResource),
    ("alerting/rules", RuleResource),
    ("alerting/silences", SilenceResource),
    ("alerting/incidents", IncidentResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
