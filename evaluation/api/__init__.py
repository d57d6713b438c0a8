"""The management API of this app."""

from evaluation.api.drift import DriftMonitorResource
from evaluation.api.live import LiveEvaluationResource
from evaluation.api.rows import EvaluatorResource, GateResource, GoldenSetResource
from evaluation.api.runs import RunResource
from evaluation.api.schedules import RunScheduleResource

RESOURCES = (
    ("evaluation/golden-sets", GoldenSetResource),
    ("evaluation/evaluators", EvaluatorResource),
    ("evaluation/runs", RunResource),
    ("evaluation/run-schedules", RunScheduleResource),
    ("evaluation/gates", GateResource),
    ("evaluation/live-evaluations", LiveEvaluationResource),
    ("evaluation/drift-monitors", DriftMonitorResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
