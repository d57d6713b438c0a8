"""Rules that suit most owners: added in one go, and changed afterwards like any others.

What ``python -m bench.regressions`` measures are these (docs/DETECTION.md).
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from alerting import services
from alerting.objectives import SLO
from alerting.rules import AlertRule
from contracts.prompt_sums import prompt_sums
from events.traffic.measures import PLATFORM, Kind
from events.traffic.reading import Stretch, ranking, totals
from events.traffic.scores import ScorePart
from tenants.models import Tenant

DAY_S: Final = 86_400
MINUTES_A_DAY: Final = DAY_S / 60
ENOUGH_CALLS: Final = 20
"""A minute's figure of fewer calls says little: rules look at so many minutes together that there are about so many."""
LONGEST_WINDOW: Final = 15
LEAST_CALLS: Final = 5
ENOUGH_SCORES: Final = 15
LEAST_SCORES: Final = 2
LEAST_PROMPTS: Final = 5
AVAILABILITY: Final = 0.99
PROMPTS_OF_S: Final = 3 * 3_600
"""Whether prompts are added up is asked of so long a time."""


class Recommendation(msgspec.Struct, frozen=True):
    """One rule, or an objective that comes with its rule."""

    name: str
    about: str
    fields: dict[str, Any]
    is_objective: bool = False


def _unusual(name: str, signal: str, about: str, severity: str, **fields: Any) -> Recommendation:
    values = {"kind": AlertRule.Kind.ANOMALY.value, "signal": signal, "operator": "above", "severity": severity}
    return Recommendation(name, about, {**values, "description": about, **fields})


_RULES: Final = (
    Recommendation(
        "Availability",
        "Of all calls 99% are answered over 28 days; told while the rest is used up too fast.",
        {"kind": SLO.Kind.AVAILABILITY.value, "objective": AVAILABILITY, "window_days": 28},
        is_objective=True,
    ),
    _unusual("Unusual errors", "error_rate", "More calls fail than usual: see which error, model and key.", "critical"),
    _unusual("Unusual latency", "latency_p50", "Most answers take longer than usual: see which provider.", "critical"),
    _unusual("Unusually slow calls", "latency_p95", "The slowest answers take longer than usual.", "warning"),
    _unusual("Unusual cost", "cost_per_call", "A call costs more: longer prompts, or another model.", "warning"),
    _unusual("Unusual refusals", "refusal_rate", "More requests are refused: limits, budgets or keys.", "warning"),
    _unusual("Unusual guardrail hits", "guardrail_rate", "Rules find more: a new version, or an attack.", "warning"),
)
MOST_EVALUATORS: Final = 3
_PROMPTS: Final = Recommendation(
    "Shift of prompts",
    "What is asked is not what was asked at these hours of the last week: another application, topic or attack.",
    {
        "kind": AlertRule.Kind.THRESHOLD.value,
        "signal": "prompt_shift",
        "operator": "above",
        "threshold": 0.1,
        "severity": "warning",
        "description": "What is asked is not what was asked at these hours of the last week.",
        # Shorter stretches are looked at as well, and each value is more than chance by itself.
        "window_minutes": LONGEST_WINDOW,
        "for_minutes": 1,
    },
)


class Scored(NamedTuple):
    """An evaluator that live calls are scored by."""

    evaluator: str
    scores_a_minute: float


def recommended(
    calls_a_minute: float, scored: Sequence[Scored] = (), prompts_a_minute: float = 0.0
) -> list[Recommendation]:
    """For an owner with about so many calls a minute, live evaluations by these evaluators, and prompts added up."""
    window = window_for(calls_a_minute, ENOUGH_CALLS)
    found = [one if one.is_objective else _over(one, window, LEAST_CALLS) for one in _RULES]
    if prompts_a_minute > 0:
        found.append(_over(_PROMPTS, LONGEST_WINDOW, LEAST_PROMPTS))
    return found + [_low_score(one) for one in scored[:MOST_EVALUATORS]]


def _low_score(one: Scored) -> Recommendation:
    about = f"Answers are scored lower than usual by “{one.evaluator}”: see the lowest."
    name = f"Low scores: {one.evaluator}"[:64]
    rule = _unusual(name, "score", about, "critical", operator="below", evaluator=one.evaluator)
    return _over(rule, window_for(one.scores_a_minute, ENOUGH_SCORES), LEAST_SCORES)


def window_for(a_minute: float, enough: float) -> int:
    """Minutes that are looked at together."""
    return LONGEST_WINDOW if a_minute <= 0 else min(LONGEST_WINDOW, max(1, math.ceil(enough / a_minute)))


def _over(one: Recommendation, window: int, least: int) -> Recommendation:
    fields = {"window_minutes": window, "min_requests": least, "clear_minutes": 10, **one.fields}
    return msgspec.structs.replace(one, fields=fields)


def recommended_for(tenant: Tenant | None) -> list[Recommendation]:
    """Those that the owner, the platform for None, does not have yet."""
    rules = set(AlertRule.objects.filter(tenant=tenant).values_list("name", flat=True))
    objectives = set(SLO.objects.filter(tenant=tenant).values_list("name", flat=True))
    wanted = recommended(_calls_a_minute(tenant), _scored(tenant), _prompts_a_minute(tenant))
    return [one for one in wanted if one.name not in rules and not (one.is_objective and one.name in objectives)]


@transaction.atomic
def add_recommended(*, tenant: Tenant | None = None) -> list[AlertRule]:
    """Add what is recommended and not there yet; those that were added, with the rule of an objective.

    Raises:
        ValidationError: all of them are there.
    """
    missing = recommended_for(tenant)
    if not missing:
        raise ValidationError("All recommended rules are there already.")
    for one in missing:
        if one.is_objective:
            services.create_slo_with_rule(tenant=tenant, name=one.name, description=one.about, **one.fields)
        else:
            services.create_rule(tenant=tenant, name=one.name, **one.fields)
    return list(AlertRule.objects.filter(tenant=tenant, name__in=[one.name for one in missing]))


def _calls_a_minute(tenant: Tenant | None) -> float:
    (day,) = totals(_scope(tenant), [_last_day()])
    return day.calls.requests / MINUTES_A_DAY


def _prompts_a_minute(tenant: Tenant | None) -> float:
    if tenant is None:
        return 0.0
    day = _last_day()
    sums = prompt_sums(tenant.pk, "", [(day.end_s - PROMPTS_OF_S, day.end_s)])
    return sum(one.prompts for one in sums) * 60 / PROMPTS_OF_S


def _scored(tenant: Tenant | None) -> list[Scored]:
    """Those that gave most scores of live calls in the last day first."""
    counts: Counter[str] = Counter()
    for row in ranking(_scope(tenant), Kind.SCORE, _last_day(), limit=1_000):
        part = ScorePart.of(row.part)
        if part.segment == "all":
            counts[part.evaluator] += row.sums.requests
    return [Scored(evaluator, count / MINUTES_A_DAY) for evaluator, count in counts.most_common(MOST_EVALUATORS)]


def _last_day() -> Stretch:
    now = int(time.time()) // 3600 * 3600 + 3600
    return Stretch(now - DAY_S, now)


def _scope(tenant: Tenant | None) -> str:
    return PLATFORM if tenant is None else str(tenant.pk)
