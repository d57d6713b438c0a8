"""A rehearsed call in words: where it goes and why, and what became of every other route and target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from console import formats
from contracts.specs import LimitMetric
from gateway.engine.budgets import AppliedBudget
from gateway.engine.limits import AppliedLimit
from gateway.engine.rehearsal import Rehearsed, RehearsedTarget
from routing.engine.explain import Considered
from routing.engine.statistics import TargetSnapshot
from routing.models import Target
from routing.worker_pulses import Pulses

ROUTE_REASONS = {
    "model": "because the request names it",
    "direct_model": "because the request names this model itself",
    "match": "because the request carries what the route matches",
    "tenant_default": "because the request names no model and it is the tenant's default",
    "platform_default": "because the request names no model and it is the platform's default",
    "budget": "because a budget is used up",
}
CONSIDERED = {
    "chosen": "Chosen",
    "not_named": "The request names something else",
    "hidden": "The tenant has its own route of this name",
    "key": "The key may not use it",
    "key_models": "The key may use none of its models",
    "not_matching": "Serves only calls that name it",
    "mode": "Wants the mode {}",
    "tag": "Wants the tag {}",
    "header": "Wants the header {}",
    "lower_order": "Matches too, but another one comes first (order {})",
    "": "Not needed",
}
_SKIPPED = {
    "breaker_open": "Its circuit is open after failures",
    "full": "All its places and its queue are taken",
    "context_window": "The request does not fit its context window",
    "over_max_latency": "Slower than the route's latency ceiling, so it goes last",
    "price_unknown": "Its price is unknown, and a hard budget pays for known prices only",
}
_SCORES = {
    "priority": "priority {}",
    "weighted": "weight {}",
    "least_latency": "{} of late",
    "lowest_cost": "{} for this request",
    "least_busy": "{} calls under way",
}
_UNITS = {LimitMetric.REQUESTS: "requests", LimitMetric.TOKENS: "tokens", LimitMetric.CONCURRENCY: "calls at a time"}


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target as the page shows it."""

    label: str
    place: int | None
    verdict: str
    tone: str
    reasons: list[str]
    score: str
    breaker: str
    breaker_tone: str
    load: str
    p95_ms: float | None
    expected: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route that was there."""

    name: str
    shared: bool
    chosen: bool
    reason: str
    id: str


@dataclass(frozen=True, slots=True)
class CountLine:
    """A limit or a budget that would count the call."""

    whose: str
    what: str
    counts: str
    used: int | None = None
    """Now, in the unit of ``most``; None: not known."""
    most: int = 0
    waiting: int = 0
    """Calls that wait for a place."""


def skipped(reason: str, state: TargetSnapshot | None = None) -> str:
    """Why a target would not be tried; ``state`` is what the worker knows of it."""
    if state is not None and reason in _OF_STATE:
        return _OF_STATE[reason](state)
    kind, _, what = reason.partition(":")
    if kind == "lacks":
        return f"Its model cannot do “{what.replace('_', ' ')}”"
    if kind == "unsupported":
        return f"It does not know the parameter “{what}”"
    return _SKIPPED.get(reason, reason.replace("_", " "))


def _open(state: TargetSnapshot) -> str:
    if not state.retry_after_s:
        return _SKIPPED["breaker_open"]
    until = timezone.localtime() + timedelta(seconds=state.retry_after_s)
    return f"Circuit open until {until:%H:%M:%S %Z}, after failures"


def _full(state: TargetSnapshot) -> str:
    waiting = f", {state.waiting} more wait" if state.waiting else ""
    return f"At max_in_flight: {state.in_flight} of {state.max_in_flight} calls are under way{waiting}"


_OF_STATE = {"breaker_open": _open, "full": _full}


def switched_off(row: Target, pulses: Pulses) -> str:
    """Why the gateway does not even hold a target: switched off in the route or further up, or not for the key."""
    if not row.enabled:
        why = "Switched off in this route"
    elif not row.model.enabled:
        why = "Its model is switched off"
    elif not row.model.provider.enabled:
        why = "Its provider is switched off"
    else:
        return "The key may not use its model"
    busy = sum(state.in_flight for _, state in pulses.of_target(str(row.pk)))
    return f"Draining: {why[0].lower()}{why[1:]}, and {busy} calls are still under way" if busy else why


def route_line(one: Considered) -> RouteLine:
    """A considered route."""
    words = CONSIDERED[one.reason].format(one.detail)
    return RouteLine(one.route.name, one.shared, one.reason == "chosen", words, one.route.id)


def target_line(one: RehearsedTarget, strategy: str) -> TargetLine:
    """A target with its verdict."""
    state = one.state
    verdict, tone = ("Tried first", "good") if one.place == 1 else (f"Tried as number {one.place}", "neutral")
    if one.place is None:
        verdict, tone = "Skipped", "bad"
    return TargetLine(
        one.target.label,
        one.place,
        verdict,
        tone,
        [skipped(reason, state) for reason in one.reasons],
        _score(one.score, strategy),
        {"closed": "Closed", "open": "Open", "half_open": "Probing"}.get(state.breaker, "")
        if state
        else "Not used lately",
        {"closed": "good", "open": "bad", "half_open": "warn"}.get(state.breaker, "neutral") if state else "neutral",
        f"{state.in_flight} of {state.max_in_flight}" if state else "",
        state.p95_ms if state else None,
        one.expected_nanousd,
        one.most_nanousd,
    )


def _score(score: float | None, strategy: str) -> str:
    if score is None:
        return "unknown" if strategy in ("least_latency", "lowest_cost") else ""
    shown = {"least_latency": formats.duration, "lowest_cost": formats.money}.get(strategy, formats.number)(score)
    if strategy == "least_latency" and not score:
        return "no latency known, so it is tried"
    return _SCORES[strategy].format(shown)


def limit_line(one: AppliedLimit) -> CountLine:
    """A rate limit."""
    spec = one.spec
    per = "" if spec.metric is LimitMetric.CONCURRENCY else f" in {formats.duration(spec.window_s * 1000)}"
    counts = f"{one.cost:,} {'tokens' if spec.metric is LimitMetric.TOKENS else 'call'}"
    return CountLine(_whose(spec.level, one.subject), f"{spec.value:,} {_UNITS[spec.metric]}{per}", counts)


def budget_line(one: AppliedBudget) -> CountLine:
    """A budget."""
    account = one.account
    spec = account.spec
    window = "in all" if spec.window.value == "total" else f"a {spec.window.value}"
    action = {"block": "then refuses", "degrade": "then makes do with less", "alert_only": "only alerts"}
    return CountLine(
        f"{spec.name} ({_whose(spec.level, account.subject)})",
        f"{formats.money(spec.limit_nanousd)} {window}, {action[spec.action.value]}",
        f"at most {formats.money(one.cost)}",
    )


def _whose(level: str, subject: str) -> str:
    return (
        f"end user {subject}" if level == "user" else {"key": "this key", "team": "its team"}.get(level, "the tenant")
    )


def verdict(done: Rehearsed) -> str:
    """Where the call goes, in one sentence."""
    first = next((one for one in done.targets if one.place == 1), None)
    if done.error is not None or first is None or done.route is None:
        return ""
    if done.reason == "direct_model":
        return f"It goes to {first.target.label}, {ROUTE_REASONS['direct_model']}."
    return f"It goes to {first.target.label} over the route “{done.route.name}”, {ROUTE_REASONS[done.reason]}."
