"""What routes, their strategies and their changes are called on pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console import formats
from contracts.specs import Strategy
from routing.kept_answers import CacheMode
from routing.models import Route
from routing.route_design import TARGET_FIELDS, Design


@dataclass(frozen=True, slots=True)
class StrategyWords:
    """A strategy in plain words."""

    value: str
    label: str
    icon: str
    short: str
    long: str


STRATEGIES: dict[str, StrategyWords] = {
    words.value: words
    for words in (
        StrategyWords(
            Strategy.PRIORITY.value,
            "In steps",
            "list-details",
            "The first step answers; the next ones step in when it cannot.",
            "Calls go to the targets of the first step, shared out by weight. Only when none of them can answer, the "
            "next step is tried.",
        ),
        StrategyWords(
            Strategy.WEIGHTED.value,
            "By weight",
            "scale",
            "Every target gets its share of the calls.",
            "Each call draws a target by weight. A call that fails goes on to another one, again by weight. Weight 0 "
            "only steps in when all others failed.",
        ),
        StrategyWords(
            Strategy.LEAST_LATENCY.value,
            "Fastest",
            "bolt",
            "Whichever target answered fastest of late.",
            "Each gateway worker follows how fast its targets answer and goes to the fastest one. An idle target is "
            "tried again after half a minute.",
        ),
        StrategyWords(
            Strategy.LOWEST_COST.value,
            "Cheapest",
            "coins",
            "Whichever target costs least for this very request.",
            "The cost of each request is estimated from its prompt and its output cap. Targets without a known price "
            "come last.",
        ),
        StrategyWords(
            Strategy.LEAST_BUSY.value,
            "Least busy",
            "gauge",
            "Whichever target has the fewest calls under way.",
            "Calls in flight and waiting are compared. Good for models that you run yourself.",
        ),
    )
}

LABELS = {
    "name": "Name",
    "enabled": "Enabled",
    "strategy": "Strategy",
    "is_default": "Default route",
    "order": "Order among matching routes",
    "match_modes": "Modes",
    "match_tags": "Tags",
    "match_headers": "Headers",
    "retry_max_attempts": "Attempts",
    "retry_per_target": "Attempts per target",
    "retry_base_ms": "First back-off",
    "retry_cap_ms": "Longest back-off",
    "total_timeout_ms": "Total timeout",
    "max_latency_ms": "Latency ceiling",
    "hedge": "Hedging",
    "sticky_by_user": "Sticky by user",
    "cache_mode": "Cache",
    "cache_ttl_s": "Answers kept for",
    "cache_max_entries": "Most answers kept",
    "cache_max_mib": "Most MiB kept",
    "cache_only_unsampled": "Cache only at temperature 0",
    "cache_hit_percent": "Price of a cache hit",
    "cache_confidence_percent": "Confidence for other words",
    "priority": "priority",
    "weight": "weight",
    "drop_params": "left-out parameters",
    "breaker_window_s": "breaker window",
    "breaker_minimum_calls": "breaker's least calls",
    "breaker_failure_rate": "breaker's failure rate",
    "breaker_slow_call_ms": "slow from",
    "breaker_slow_call_rate": "breaker's slow-call rate",
    "breaker_open_s": "breaker open for",
    "breaker_half_open_probes": "breaker's probes",
}
_IN_WORDS: dict[str, Callable[[Any], str]] = {
    "strategy": lambda value: STRATEGIES[value].label,
    "cache_mode": lambda value: str(CacheMode(value).label),
    "cache_hit_percent": lambda value: f"{value} %",
    "cache_confidence_percent": lambda value: f"{value} %",
}
_PERCENT = {"breaker_failure_rate", "breaker_slow_call_rate"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a comparison; ``kind`` is ``added``, ``removed`` or ``changed``."""

    kind: str
    what: str
    before: str = ""
    after: str = ""


def shown(name: str, value: Any) -> str:
    """A field's value in words."""
    if value is None or value == "" or value == [] or value == {}:
        return {"max_latency_ms": "none", "match_modes": "any"}.get(name, "not set")
    if name in _IN_WORDS:
        return _IN_WORDS[name](value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_ms"):
        return formats.duration(value)
    if name.endswith("_s"):
        return f"{value:g} s"
    if name in _PERCENT:
        return formats.percent(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text or 'any'}" for key, text in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def differences(before: Design | None, after: Design) -> list[Difference]:
    """What distinguishes two designs, line by line; everything of the second where there is no first."""
    if before is None:
        return _targets([], after["targets"])
    found = [
        Difference("changed", LABELS[name], shown(name, before[name]), shown(name, after[name]))
        for name in after
        if name != "targets" and after[name] != before.get(name)
    ]
    return found + _targets(before["targets"], after["targets"])


def _targets(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Difference]:
    old = {target["model"]: target for target in before}
    new = {target["model"]: target for target in after}
    found = [Difference("removed", target["label"]) for key, target in old.items() if key not in new]
    for key, target in new.items():
        if key not in old:
            found.append(Difference("added", target["label"], after=_placed(target)))
            continue
        found += [
            Difference(
                "changed",
                f"{target['label']}, {LABELS[name].lower()}",
                shown(name, old[key][name]),
                shown(name, target[name]),
            )
            for name in TARGET_FIELDS
            if target[name] != old[key][name]
        ]
    return found


def _placed(target: Mapping[str, Any]) -> str:
    off = "" if target["enabled"] else ", switched off"
    return f"priority {target['priority']}, weight {target['weight']}{off}"


def conditions(route: Route) -> list[tuple[str, str]]:
    """What a call without a model must have for the route to serve it, as (kind, words)."""
    found = [("mode", mode) for mode in route.match_modes]
    found += [("tag", f"{name}: {value or 'any'}") for name, value in route.match_tags.items()]
    found += [("header", f"{name}: {value or 'any'}") for name, value in route.match_headers.items()]
    return found
