"""The management API of this app."""

from evaluation.api.rows import EvaluatorResource, GateResource, GoldenSetResource
from evaluation.api.runs import RunResource

RESOURCES = (
    ("evaluation/golden-sets", GoldenSetResource),
    ("evaluation/evaluators", EvaluatorResource),
    ("evaluation/runs", RunResource),
    ("evaluation/gates", GateResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
