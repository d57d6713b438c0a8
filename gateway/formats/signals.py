"""Analytics of guardrails and of kept answers as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from contracts.chat import JsonObject
from contracts.signals import KeptAnswers, RuleHits
from events.ledger.buckets import Bucket
from gateway.formats.analytics import AskedSignals
from gateway.formats.analytics_answers import cost_of, local_time

FAILED: Final = "failed"
RULE_GROUPS: Final = {"policy": "policy_id", "rule": "rule_id", "action": "action"}
"""Value of ``group_by`` → field of the rows."""
CACHE_GROUPS: Final = {"route": "route"}


def rules_as_json(asked: AskedSignals, cut: Sequence[Bucket], found: Sequence[Sequence[RuleHits]]) -> JsonObject:
    """The answer's object of ``/v1/analytics/guardrails``."""

    def kept(one: RuleHits) -> bool:
        return all(getattr(one, name) == value for name, value in asked.filters)

    def group(one: RuleHits) -> tuple[str, ...]:
        fields = {"policy": one.policy_id, "rule": one.rule_id, "action": one.outcome}
        return tuple(fields[name] for name in asked.group_by)

    rows = [[one for one in bucket if kept(one)] for bucket in found]
    return _answer("analytics.guardrails", asked, cut, rows, group, _hits, RULE_GROUPS)


def kept_as_json(asked: AskedSignals, cut: Sequence[Bucket], found: Sequence[Sequence[KeptAnswers]]) -> JsonObject:
    """The answer's object of ``/v1/analytics/cache``."""

    def kept(one: KeptAnswers) -> bool:
        return all(getattr(one, name) == value for name, value in asked.filters)

    def group(one: KeptAnswers) -> tuple[str, ...]:
        return tuple(one.route for _ in asked.group_by)

    rows = [[one for one in bucket if kept(one)] for bucket in found]
    return _answer("analytics.cache", asked, cut, rows, group, _lookups, CACHE_GROUPS)


def _answer(
    name: str,
    asked: AskedSignals,
    cut: Sequence[Bucket],
    found: Sequence[Sequence[Any]],
    group: Callable[[Any], tuple[str, ...]],
    figures: Callable[[Iterable[Any]], JsonObject],
    fields: dict[str, str],
) -> JsonObject:
    names = [fields[each] for each in asked.group_by]
    data: list[JsonObject] = []
    for bucket, rows in zip(cut, found, strict=True):
        start, end = (local_time(edge, asked.time_zone) for edge in bucket)
        for key in sorted({group(one) for one in rows}):
            shown = figures(one for one in rows if group(one) == key)
            data.append({"start": start, "end": end, **dict(zip(names, key, strict=True)), **shown})
    return {
        "object": name,
        "tenant_id": asked.tenant_id,
        "time_zone": asked.time_zone,
        "start": local_time(asked.start_ms, asked.time_zone),
        "end": local_time(asked.end_ms, asked.time_zone),
        "period": asked.window.value,
        "group_by": names,
        "data": data,
        "total": figures(one for rows in found for one in rows),
    }


def _hits(rows: Iterable[RuleHits]) -> JsonObject:
    each = list(rows)
    hits = [one for one in each if one.outcome != FAILED]
    return {
        "hits": sum(one.count for one in hits),
        "shadow_hits": sum(one.count for one in hits if one.shadow),
        "blocked": sum(one.count for one in hits if one.outcome == "block" and not one.shadow),
        "failures": sum(one.count for one in each if one.outcome == FAILED),
    }


def _lookups(rows: Iterable[KeptAnswers]) -> JsonObject:
    each = list(rows)
    exact, semantic = sum(one.exact for one in each), sum(one.semantic for one in each)
    missed = sum(one.missed for one in each)
    lookups = exact + semantic + missed
    return {
        "lookups": lookups,
        "hits": exact + semantic,
        "exact_hits": exact,
        "semantic_hits": semantic,
        "misses": missed,
        "not_looked_up": sum(one.bypassed for one in each),
        "hit_ratio": round((exact + semantic) / lookups, 6) if lookups else None,
        "saved": cost_of(sum(one.saved_nanousd for one in each)),
        "saved_unknown_hits": sum(one.saved_unknown for one in each),
    }
