"""The tables of this app; each module has those of one subject."""

from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor, DriftState
from evaluation.golden_rows import (
    MAX_NAME_LENGTH,
    MAX_TEXT_LENGTH,
    GoldenItem,
    GoldenSet,
    GoldenUpload,
    GoldenVersion,
    TenantConfig,
)
from evaluation.live.rows import LiveEvaluation, LiveEvaluator, LiveLoss, LiveSample, LiveScore, PromptMinute
from evaluation.run_rows import EvalRun, Evaluator, ItemResult, JudgeAnswer, RunItem, Score, Variant
from evaluation.schedules.rows import RunSchedule, ScheduledRun
from evaluation.verdict_rows import Gate, Label

__all__ = [
    "MAX_NAME_LENGTH",
    "MAX_TEXT_LENGTH",
    "DriftCheck",
    "DriftFinding",
    "DriftMonitor",
    "DriftState",
    "EvalRun",
    "Evaluator",
    "Gate",
    "GoldenItem",
    "GoldenSet",
    "GoldenUpload",
    "GoldenVersion",
    "ItemResult",
    "JudgeAnswer",
    "Label",
    "LiveEvaluation",
    "LiveEvaluator",
    "LiveLoss",
    "LiveSample",
    "LiveScore",
    "PromptMinute",
    "RunItem",
    "RunSchedule",
    "ScheduledRun",
    "Score",
    "TenantConfig",
    "Variant",
]
