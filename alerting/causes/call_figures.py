"""What a signal is of a single call, in SQL over the ledger: what is summed up, and which calls take part."""

from __future__ import annotations

from typing import Final

import msgspec

from alerting.engine.causes import Measure
from alerting.objectives import SLO
from alerting.rules import AlertRule
from events.traffic.measures import Kind


class CallFigure(msgspec.Struct, frozen=True):
    """Of one call ``u`` of the ledger."""

    measure: Measure
    x: str
    calls: str = "true"
    percentile: float | None = None
    """The call is slow where it takes longer than this percentile did before: ``%(limit)s`` microseconds."""
    first_token: bool = False
    limit_us: float | None = None
    """The same, given."""


class EventFigure(msgspec.Struct, frozen=True):
    """Of events that are no calls, counted by the minute under codes."""

    measure: Measure
    kind: Kind
    dimension: str
    prefix: str = ""


_ANSWERED: Final = "u.status = 'completed'"
_PRICED: Final = "u.cost_nanousd IS NOT NULL"


def _slow(share: float, *, first_token: bool = False) -> CallFigure:
    column = "first_token_us" if first_token else "duration_us"
    calls = f"{_ANSWERED} AND u.{column} IS NOT NULL" if first_token else _ANSWERED
    return CallFigure(Measure.SHARE, f"(u.{column} > %(limit)s)::int", calls, share, first_token)


FIGURES: Final[dict[str, CallFigure]] = {
    "error_rate": CallFigure(Measure.SHARE, "(u.status = 'failed')::int"),
    "fallback_rate": CallFigure(Measure.SHARE, "u.fallback_used::int"),
    "cache_hit_rate": CallFigure(Measure.SHARE, "u.cached_answer::int"),
    "retry_rate": CallFigure(Measure.MEAN, "u.retries"),
    "output_length": CallFigure(Measure.MEAN, "u.output_tokens", _ANSWERED),
    "cost_per_call": CallFigure(Measure.MEAN, "u.cost_nanousd", _PRICED),
    "latency_mean": CallFigure(Measure.MEAN, "u.duration_us / 1000.0"),
    "latency_p50": _slow(0.5),
    "latency_p95": _slow(0.95),
    "latency_p99": _slow(0.99),
    "first_token_p95": _slow(0.95, first_token=True),
    "requests": CallFigure(Measure.TOTAL, "1"),
    "input_tokens": CallFigure(Measure.TOTAL, "u.input_tokens"),
    "output_tokens": CallFigure(Measure.TOTAL, "u.output_tokens"),
    "cost": CallFigure(Measure.TOTAL, "u.cost_nanousd", _PRICED),
}
EVENT_FIGURES: Final[dict[str, EventFigure]] = {
    "refusal_rate": EventFigure(Measure.SHARE, Kind.REFUSAL, "code"),
    "guardrail_rate": EventFigure(Measure.TOTAL, Kind.RULE, "rule"),
    "blocked_rate": EventFigure(Measure.TOTAL, Kind.RULE, "rule", "block"),
}


def figure_of(rule: AlertRule | None, signal: str) -> tuple[str, CallFigure | EventFigure | None]:
    """The signal by name and what it is of a call; None: it cannot be split by calls."""
    slo = rule.slo if rule is not None and rule.kind == AlertRule.Kind.BURN_RATE else None
    if slo is not None:
        return _of_objective(slo)
    if rule is not None and rule.kind == AlertRule.Kind.ABSENCE:
        signal = "requests"
    return signal, FIGURES.get(signal) or EVENT_FIGURES.get(signal)


def _of_objective(slo: SLO) -> tuple[str, CallFigure | None]:
    if slo.kind == SLO.Kind.AVAILABILITY:
        return "error_rate", FIGURES["error_rate"]
    if slo.kind == SLO.Kind.COST:
        return "cost_per_call", FIGURES["cost_per_call"]
    if slo.kind == SLO.Kind.LATENCY and slo.limit is not None:
        return "latency", msgspec.structs.replace(_slow(0.95), limit_us=slo.limit * 1000)
    return slo.kind, None
