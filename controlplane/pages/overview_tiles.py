"""The figures on top of an overview, each with its course and how it changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.formats import counted, duration, money, percent
from controlplane.pages.overview_scope import OverviewScope
from events.traffic.histogram import percentiles_ms
from events.traffic.kept_answers import cache_figures
from events.traffic.measures import Measured
from events.traffic.reading import Sums, Totals, latencies, totals
from events.traffic.rules import BLOCKED, MATCHED, event_counts

Value = int | float | None


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, as ``{% stat %}`` takes it."""

    label: str
    value: Value
    unit: str = "number"
    before: Value = None
    better: str = ""
    points: Sequence[Value] = ()
    url: str = ""
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """All of them."""

    shown: Sequence[Tile]
    quiet: bool
    """Nothing happened in the range."""


def tiles(shown: OverviewScope) -> Tiles:
    """Of the range, compared to the one before."""
    now, before = totals(shown.scope, [shown.stretch, shown.before])
    quiet = not now.calls.requests and not now.refused
    made = _Made(shown, now, before, shown.calls)
    found = [made.requests(), made.error_rate(), *_latency_tiles(shown), made.tokens()]
    if shown.sees_costs:
        found.append(made.cost())
    found += [_cached(shown), made.fallbacks(), made.refused(), _guardrails(shown)]
    return Tiles(found, quiet)


class _Made:
    def __init__(self, shown: OverviewScope, now: Totals, before: Totals, calls: Sequence[Sums]) -> None:
        self.shown, self.now, self.before, self.calls = shown, now, before, calls

    def _points(self, of: Callable[[Sums], Value]) -> list[Value]:
        return [of(step) for step in self.calls]

    def requests(self) -> Tile:
        return Tile(
            "Requests",
            self.now.calls.requests,
            "short",
            self.before.calls.requests,
            points=self._points(lambda step: step.requests),
            url=self.shown.requests(),
            hint=self.shown.compared_to,
        )

    def error_rate(self) -> Tile:
        rate = self.now.calls.error_rate
        tone = "bad" if rate is not None and rate >= 0.05 else "warn" if rate is not None and rate >= 0.01 else ""
        return Tile(
            "Error rate",
            rate,
            "percent",
            self.before.calls.error_rate,
            "down",
            self._points(lambda step: step.error_rate),
            self.shown.requests(status="failed"),
            f"{self.now.calls.errors:,} failed",
            tone,
        )

    def tokens(self) -> Tile:
        calls = self.now.calls
        return Tile(
            "Tokens",
            calls.tokens,
            "short",
            self.before.calls.tokens,
            points=self._points(lambda step: step.tokens),
            hint=f"{percent(calls.output_tokens / calls.tokens, 0)} of them answers" if calls.tokens else "",
        )

    def cost(self) -> Tile:
        unknown = self.now.calls.price_unknown
        return Tile(
            "Cost",
            self.now.calls.cost_nanousd,
            "money",
            self.before.calls.cost_nanousd,
            points=self._points(lambda step: step.cost_nanousd),
            url=_with_range(self.shown.link("usage"), self.shown),
            hint=f"without {unknown:,} calls of unknown price" if unknown else self.shown.compared_to,
        )

    def fallbacks(self) -> Tile:
        return Tile(
            "Fallbacks",
            self.now.calls.fallbacks,
            "short",
            self.before.calls.fallbacks,
            "down",
            self._points(lambda step: step.fallbacks),
            self.shown.requests(fallback="yes"),
            f"{self.now.calls.retries:,} further attempts",
        )

    def refused(self) -> Tile:
        return Tile(
            "Refused",
            self.now.refused,
            "short",
            self.before.refused,
            "down",
            self.shown.refused,
            self.shown.requests(status="rejected"),
            "limits, budgets, keys",
        )


def _cached(shown: OverviewScope) -> Tile:
    """How often an answer was kept already, and what that saved, for who sees costs."""
    now, before = cache_figures(shown.scope, [shown.stretch, shown.before])
    points = [step.hit_ratio for step in shown.cached]
    hint = f"{now.hits:,} of {now.lookups:,} lookups" if now.lookups else "no call was looked up"
    if now.hits and shown.sees_costs:
        hint = f"{money(now.saved_nanousd)} saved by {now.hits:,} hits"
    return Tile("Cache hits", now.hit_ratio, "percent", before.hit_ratio, "up", points, hint=hint)


def _guardrails(shown: OverviewScope) -> Tile:
    now, before = event_counts(shown.scope, [shown.stretch, shown.before])
    blocked = now.get(BLOCKED, 0)
    address = _with_range(shown.link("policy-hits"), shown)
    return Tile(
        "Guardrail hits",
        now.get(MATCHED, 0),
        "short",
        before.get(MATCHED, 0),
        points=shown.guarded.get(MATCHED, ()),
        url=address,
        hint=f"{counted(blocked, 'call')} blocked",
    )


def _latency_tiles(shown: OverviewScope) -> list[Tile]:
    now, before = latencies(shown.scope, [shown.stretch, shown.before])
    found = []
    for label, measured in (("Latency, p95", Measured.DURATION), ("First token, p95", Measured.FIRST_TOKEN)):
        p50, p95, p99 = percentiles_ms(now[measured])
        was = percentiles_ms(before[measured])[1]
        hint = f"p50 {duration(p50)} · p99 {duration(p99)}" if p95 is not None else ""
        points = [percentiles_ms(step[measured])[1] for step in shown.latencies]
        found.append(Tile(label, p95, "ms", was, "down", points, hint=hint))
    return found


def _with_range(address: str, shown: OverviewScope) -> str:
    return f"{address}?{shown.range.query}" if address else ""
