"""The management API of this app: waste, recommendations, rules of what goes wrong costs."""

from insights.api.figures import InsightsResource
from insights.api.rules import ImpactRuleResource

RESOURCES = (("insights", InsightsResource), ("insights/impact-rules", ImpactRuleResource))
"""Path below ``/api/v1/`` and viewset of each resource."""
