"""The management API of this app: waste, recommendations, savings of tenants, rules of what goes wrong costs."""

from insights.api.figures import InsightsResource
from insights.api.rules import ImpactRuleResource
from insights.api.savings import SavingsResource

RESOURCES = (
    ("insights", InsightsResource),
    ("insights/impact-rules", ImpactRuleResource),
    ("insights/savings", SavingsResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
