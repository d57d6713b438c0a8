"""What calls that gave nobody anything cost, and what the tenant's rules make of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.db import connection

from alerting.incident_rows import Incident
from alerting.owned import RANKS
from console import formats
from insights.counting import AGAIN
from insights.days import AT_ONCE, days_of
from insights.engine.days import (
    BLOCKED,
    FAILED,
    HEDGED,
    REGENERATED,
    DayFigures,
    Sum,
    WasteSum,
    added,
    by_kind,
    by_part,
)
from insights.figures import BusinessCost, CostImpact, Period, Waste, WastePart
from insights.models import ImpactRule
from tenants.models import Tenant

MOST_PARTS: Final = 50
_MINUTES: Final = int(AGAIN.total_seconds() // 60)
TITLES: Final = {
    FAILED: "Failed calls",
    BLOCKED: "Blocked answers",
    REGENERATED: "Answers asked for again",
    HEDGED: "Second attempts that lost",
}
_HOW: Final = {
    FAILED: "What the ledger has billed for calls that ended in an error, but for those that a guardrail blocked.",
    BLOCKED: "What the ledger has billed for calls whose answer a guardrail withheld. Prompts that are blocked cost "
    "nothing.",
    REGENERATED: "What the ledger has billed for answered calls whose very body the same key and user sent again "
    f"within {_MINUTES} minutes: the answer before was of no use. Answers from a cache and calls of evaluations are "
    "left out.",
    HEDGED: "Providers do not say what an attempt cost that was given up because another was faster: as much as the "
    "one that won is assumed, which is the most.",
}


def cost_impact(tenant: Tenant, period: Period, *, at_once: int | None = AT_ONCE) -> CostImpact:
    """Of the calls that ended in the period; of those that are not kept yet ``at_once`` at most, or all with None."""
    days = days_of(tenant, period, at_once=at_once)
    figures = days.figures
    kinds = by_kind(one for day in figures for one in day.wastes)
    calls, spent = added(figures)
    wastes = [one for day in figures for one in day.wastes]
    business = [_business(rule, tenant, period, wastes) for rule in _rules(tenant)]
    return CostImpact(
        start=period.start,
        end=period.end,
        calls=calls,
        spent_nanousd=spent,
        wasted_nanousd=sum(one.nanousd for one in kinds.values()),
        wastes=[
            Waste(
                kind=kind,
                title=TITLES[kind],
                calls=kinds[kind].calls,
                nanousd=kinds[kind].nanousd,
                price_unknown=kinds[kind].unknown,
                estimated=kind == HEDGED,
                how=_HOW[kind],
            )
            for kind in (FAILED, BLOCKED, REGENERATED, HEDGED)
        ],
        by_day=_by_day(days.days),
        by_route=_ranked(by_part((one.route, one) for day in figures for one in day.wastes)),
        by_model=_ranked(by_part((one.model, one) for day in figures for one in day.wastes)),
        business_nanousd=sum(one.nanousd for one in business),
        business=business,
        notes=_notes(figures, kinds, days.left_out),
    )


def _notes(days: Sequence[DayFigures], kinds: dict[str, Sum], left_out: int) -> list[str]:
    calls, told = sum(day.calls for day in days), sum(day.told for day in days)
    retried = sum(day.retried for day in days)
    notes = []
    if left_out:
        notes.append(
            f"{left_out:,} calls are not counted in yet: sums are kept some 20 minutes after calls, and older calls "
            "are worked off one day after another."
        )
    if told < calls:
        notes.append(
            f"Of {calls - told:,} of {calls:,} calls it is not known what they asked: the event of their start is "
            "gone, or older than this figure. Among them, answers asked for again are not seen."
        )
    if kinds[REGENERATED].calls:
        notes.append("A job that asks the same again on purpose counts as asking for another answer.")
    if retried:
        notes.append(
            f"{retried:,} calls were answered after a further attempt. Attempts that failed are in no bill that "
            "Breakwater sees: providers do not charge for them, but for streams that broke off."
        )
    unknown = sum(one.unknown for one in kinds.values())
    if unknown:
        notes.append(f"{unknown:,} of these calls have no price, and are missing from the money.")
    return notes


def _by_day(days: Sequence[tuple[date, DayFigures]]) -> list[WastePart]:
    return [_part(day.isoformat(), by_kind(one.wastes)) for day, one in days]


def _ranked(found: dict[str, dict[str, Sum]]) -> list[WastePart]:
    rows = [_part(name, kinds) for name, kinds in found.items()]
    return sorted(rows, key=lambda row: (-row.nanousd, -row.calls, row.part))[:MOST_PARTS]


def _part(name: str, kinds: dict[str, Sum]) -> WastePart:
    return WastePart(
        part=name,
        calls=sum(one.calls for one in kinds.values()),
        nanousd=sum(one.nanousd for one in kinds.values()),
        by_kind={kind: one.nanousd for kind, one in kinds.items() if one.nanousd},
    )


# --- by the tenant's rules -------------------------------------------------------------------------------


def _rules(tenant: Tenant) -> list[ImpactRule]:
    """Those that are on; several may count the same call, as they are the tenant's own estimates."""
    return list(ImpactRule.objects.for_tenant(tenant).filter(enabled=True))


def _business(rule: ImpactRule, tenant: Tenant, period: Period, wastes: Sequence[WasteSum]) -> BusinessCost:
    if rule.outcome == ImpactRule.Outcome.INCIDENT:
        quantity, unit = incident_minutes(tenant, period, rule.severity), "minutes"
    else:
        quantity, unit = float(_counted(rule, tenant, period, wastes)), "calls"
    nanousd = round(quantity * rule.nanousd)
    shown = formats.counted(int(quantity), "call") if unit == "calls" else f"{quantity:,.1f} minutes"
    one = "a call" if unit == "calls" else "a minute"
    return BusinessCost(
        rule_id=str(rule.pk),
        name=rule.name,
        quantity=quantity,
        unit=unit,
        nanousd=nanousd,
        how=f"{shown} × {formats.money(rule.nanousd)} {one}: {describe(rule)}.",
    )


def describe(rule: ImpactRule) -> str:
    """What it counts, in words."""
    words = {
        ImpactRule.Outcome.FAILED: "failed calls",
        ImpactRule.Outcome.BLOCKED: "blocked calls",
        ImpactRule.Outcome.REGENERATED: "answers that were asked for again",
        ImpactRule.Outcome.INCIDENT: "minutes in which at least one incident went on",
    }[ImpactRule.Outcome(rule.outcome)]
    words += f" over the route {rule.route}" if rule.route else ""
    words += f" with {rule.tag} = {rule.tag_value}" if rule.tag else ""
    return words + (f" of severity {rule.severity} or worse" if rule.severity else "")


_COUNT: Final = """
SELECT count(*) FROM events_usage u
WHERE u.tenant_id = %(tenant)s AND u.occurred_at >= %(start)s AND u.occurred_at < %(end)s AND u.status = 'failed'
    AND (u.error_code = 'CONTENT_BLOCKED') = %(blocked)s
    AND (%(route)s = '' OR u.route = %(route)s)
    AND u.tags ->> %(tag)s = %(value)s
"""


def _counted(rule: ImpactRule, tenant: Tenant, period: Period, wastes: Sequence[WasteSum]) -> int:
    if not rule.tag:
        return sum(one.calls for one in wastes if one.kind == rule.outcome and rule.route in ("", one.route))
    given: dict[str, Any] = {
        "tenant": str(tenant.pk),
        "start": period.start,
        "end": period.end,
        "blocked": rule.outcome == ImpactRule.Outcome.BLOCKED,
        "route": rule.route,
        "tag": rule.tag,
        "value": rule.tag_value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, given)
        return int(cursor.fetchone()[0])


def incident_minutes(tenant: Tenant, period: Period, severity: str) -> float:
    """In which at least one of the tenant's incidents of at least this severity went on; two at once count once."""
    rows = Incident.objects.filter(tenant=tenant, began_at__lt=period.end).exclude(resolved_at__lte=period.start)
    least = RANKS.get(severity, 0)
    spans = sorted(
        (max(row.began_at, period.start), min(row.resolved_at or period.end, period.end))
        for row in rows
        if RANKS[row.severity] >= least
    )
    total, until = 0.0, period.start
    for start, end in spans:
        total += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return total / 60
