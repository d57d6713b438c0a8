"""The figures above a usage page's chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.budgets import BudgetWindow, period_at
from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter, floor_quarter
from gateway.pages.usage_groups import cost_per_call
from gateway.pages.usage_scope import Stretch, UsageScope

PACE_DAYS: Final = 7
_DAY_MS: Final = 86_400_000
TOKENS: Final = (
    ("Input", "input_tokens", False),
    ("from the provider's cache", "cached_input_tokens", True),
    ("written to it", "cache_write_tokens", True),
    ("audio", "audio_input_tokens", True),
    ("images", "image_input_tokens", True),
    ("Output", "output_tokens", False),
    ("reasoning", "reasoning_tokens", True),
    ("audio", "audio_output_tokens", True),
    ("images", "image_output_tokens", True),
)
"""Label, figure, and whether it is a part of the one above."""


@dataclass(frozen=True, slots=True)
class Tile:
    """What ``{% stat %}`` shows."""

    label: str
    value: int | float | None
    unit: str
    before: int | float | None
    better: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the month will have cost at its end, in nano-dollars."""

    nanousd: int
    pace_nanousd: int
    """A day."""
    days_left: float


def tiles(total: UsageFigures, before: UsageFigures, hint: str, *, costs: bool) -> list[Tile]:
    """Totals and how they changed."""
    compared = hint if before.requests else ""
    found = [
        Tile("Requests", total.requests, "short", before.requests, hint=compared),
        Tile("Tokens", _tokens(total), "short", _tokens(before), hint=f"{_short_share(total)} of them output"),
        Tile("Errors", _errors(total), "percent", _errors(before), "down", hint="of all requests"),
    ]
    if costs:
        per_call = (cost_per_call(total), cost_per_call(before))
        found.insert(0, Tile("Cost", total.cost_nanousd, "money", before.cost_nanousd, hint=compared))
        found.append(Tile("Cost per call", per_call[0], "money", per_call[1], "down", hint="with a known price"))
    return found


def tokens_by_kind(total: UsageFigures) -> list[tuple[str, int, bool]]:
    """Label, count and whether it is a part; parts that are nothing are left out."""
    kinds = [(label, int(getattr(total, name)), part) for label, name, part in TOKENS]
    return [kind for kind in kinds if kind[1] or not kind[2]]


def forecast(query: UsageQuery, scope: UsageScope, spent: int) -> Forecast | None:
    """Of the month that is under way: what is spent, and the last days' pace for what is left of it."""
    if scope.stretch.name != "month":
        return None
    end_ms = ceil_quarter(scope.now_ms)
    month_end = period_at(BudgetWindow.MONTH, scope.time_zone, scope.now_ms).end_ms
    days_left = max(0, month_end - end_ms) / _DAY_MS
    recent = Stretch(floor_quarter(end_ms - PACE_DAYS * _DAY_MS), end_ms)
    page = usage(_daily(query, recent))
    if not page.rows:
        return Forecast(spent, 0, days_left)
    # A tenant that began to call two days ago has a pace of two days.
    days = max(1.0, (end_ms - page.rows[0].start_ms) / _DAY_MS)
    pace = round(page.total.cost_nanousd / days)
    return Forecast(spent + round(pace * days_left), pace, days_left)


def _daily(query: UsageQuery, stretch: Stretch) -> UsageQuery:
    return UsageQuery(
        tenant_id=query.tenant_id,
        time_zone=query.time_zone,
        start_ms=stretch.start_ms,
        end_ms=stretch.end_ms,
        window=BudgetWindow.DAY,
        filters=query.filters,
        tag=query.tag,
    )


def _tokens(figures: UsageFigures) -> int:
    return figures.input_tokens + figures.output_tokens


def _errors(figures: UsageFigures) -> float | None:
    return figures.errors / figures.requests if figures.requests else None


def _short_share(figures: UsageFigures) -> str:
    tokens = _tokens(figures)
    return f"{round(100 * figures.output_tokens / tokens)}%" if tokens else "none"


def summed(figures: Sequence[UsageFigures]) -> UsageFigures:
    """All together."""
    names = UsageFigures.__struct_fields__
    return UsageFigures(*(sum(getattr(one, name) for one in figures) for name in names))
