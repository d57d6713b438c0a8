"""What this app tells others: reports, pages and the API."""

from __future__ import annotations

from insights.advice import recommendations
from insights.figures import BusinessCost, CostImpact, Period, Recommendation, Waste, WastePart
from insights.impact import cost_impact

__all__ = [
    "BusinessCost",
    "CostImpact",
    "Period",
    "Recommendation",
    "Waste",
    "WastePart",
    "cost_impact",
    "recommendations",
]
