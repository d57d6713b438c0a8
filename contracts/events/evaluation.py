"""Runs, scores, gates and labels."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class EvalRunStarted(EventPayload, frozen=True, kw_only=True):
    """A run over a golden set was asked for, or goes on after it was stopped."""

    event_type = "evaluation.run.started"
    layer = 3
    run_id: str
    name: str
    golden_set: str
    version: int
    items: int
    variants: list[str]
    evaluators: list[str]
    actor: str


class EvalRunProgressed(EventPayload, frozen=True, kw_only=True):
    """How far a run is; told at most twice a second."""

    event_type = "evaluation.run.progressed"
    layer = 3
    run_id: str
    items: int
    done: int
    failed: int
    spent_nanousd: int
    judge_spent_nanousd: int


class EvalRunEnded(EventPayload, frozen=True, kw_only=True):
    """A run has ended, or was stopped."""

    event_type = "evaluation.run.ended"
    layer = 3
    run_id: str
    name: str
    state: str
    """``done`` | ``failed`` | ``stopped``."""
    reason: str = ""
    items: int
    done: int
    failed: int
    spent_nanousd: int
    judge_spent_nanousd: int


class EvalGateChecked(EventPayload, frozen=True, kw_only=True):
    """A candidate was held to a gate."""

    event_type = "evaluation.gate.checked"
    layer = 3
    gate_id: str
    name: str
    evaluator: str
    outcome: str
    """``pass`` | ``fail`` | ``undecided``."""
    drop: float | None
    """Of the mean score, 0 to 1; negative: it rose; null: nothing could be compared."""
    items: int
    candidate_run_id: str
    baseline_run_id: str
    actor: str


class EvalItemLabelled(EventPayload, frozen=True, kw_only=True):
    """A person said what they think of an answer in a run."""

    event_type = "evaluation.item.labelled"
    layer = 3
    run_id: str
    result_id: str
    verdict: str
    """``good`` | ``fair`` | ``bad``."""
    actor: str


class ScoreRecorded(EventPayload, frozen=True, kw_only=True):
    """An evaluator has scored a live call; the sums by the minute count it at the time of this event."""

    event_type = "evaluation.score.recorded"
    layer = 3
    run_id: str
    """The call's correlation id."""
    evaluation_id: str
    evaluator: str
    kind: str
    score: float
    """0 to 1."""
    label: str = ""
    route: str = ""
    model: str = ""


class EvalScheduleDue(EventPayload, frozen=True, kw_only=True):
    """A schedule of evaluation runs was due, and started one or could not."""

    event_type = "evaluation.schedule.due"
    layer = 3
    schedule_id: str
    name: str
    due_at: str
    """In ISO 8601; it is taken once."""
    run_id: str = ""
    """Empty where none was started."""
    error: str = ""
