"""The charts of an overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerting.pages.charts import deployments
from console.charts import Chart, Series
from controlplane.pages.overview_scope import OverviewScope
from events.traffic.histogram import percentiles_ms
from events.traffic.measures import Kind, Measured
from events.traffic.reading import OTHER, Sums, course, ranking
from events.traffic.rules import BLOCKED, FAILED, MATCHED

MOST_SERIES = 6
"""Routes, models or codes with a colour of their own; the rest is summed up."""
_KINDS = {"route": Kind.ROUTE, "model": Kind.MODEL}
_NAMELESS = {Kind.ROUTE: "No route", Kind.MODEL: "No model"}
_CODES = ("bad", "orange", "pink", "amber", "slate", "blue", "brand")


def charts(shown: OverviewScope, split: str) -> list[tuple[str, Chart]]:
    """Each with the key that it has on the page, and what was deployed meanwhile; that is said below the first."""
    marks = deployments(shown.workspace.tenant and shown.workspace.tenant.pk, shown.range.start, shown.range.end)
    return [
        (key, replace(chart, marks=marks, marks_said=number == 0))
        for number, (key, chart) in enumerate(_charts(shown, split))
    ]


def _charts(shown: OverviewScope, split: str) -> list[tuple[str, Chart]]:
    found = [("requests", _requests(shown, split)), ("latency", _latency(shown))]
    if shown.sees_costs:
        found.append(("cost", _cost(shown, split)))
    cache = _saved(shown) if shown.sees_costs else _lookups(shown)
    return [*found, ("failures", _failures(shown)), ("guardrails", _guardrails(shown)), ("cache", cache)]


def _requests(shown: OverviewScope, split: str) -> Chart:
    if split == "status":
        series = _by_status(shown)
    else:
        series = [
            Series(label, [step.requests for step in steps], "slate" if part == OTHER else "")
            for part, label, steps in _parts(shown, _KINDS[split])
        ]
    return Chart("Requests", shown.times, series if _any(series) else [], "bars")


def _by_status(shown: OverviewScope) -> list[Series]:
    calls = shown.calls
    every = [
        Series("Answered", [step.requests - step.errors - step.cached_answers for step in calls], "brand"),
        Series("From the cache", [step.cached_answers for step in calls], "teal"),
        Series("Failed", [step.errors for step in calls], "bad"),
        Series("Refused", shown.refused, "amber"),
    ]
    return [series for series in every if any(series.values) or series.label == "Answered"]


def _latency(shown: OverviewScope) -> Chart:
    found = [percentiles_ms(step[Measured.DURATION]) for step in shown.latencies]
    first = [percentiles_ms(step[Measured.FIRST_TOKEN])[1] for step in shown.latencies]
    series = [
        Series("p50", [values[0] for values in found], "brand"),
        Series("p95", [values[1] for values in found], "amber"),
        Series("p99", [values[2] for values in found], "bad"),
        Series("First token, p95", first, "teal"),
    ]
    return Chart("Latency of answered calls", shown.times, [one for one in series if any(one.values)], unit="ms")


def _cost(shown: OverviewScope, split: str) -> Chart:
    kind = _KINDS.get(split, Kind.MODEL)
    series = [
        Series(label, [step.cost_nanousd for step in steps], "slate" if part == OTHER else "")
        for part, label, steps in _parts(shown, kind, "cost")
    ]
    title = "Cost by route" if kind is Kind.ROUTE else "Cost by model"
    return Chart(title, shown.times, [one for one in series if any(one.values)], "bars", "money")


def _failures(shown: OverviewScope) -> Chart:
    by_code: dict[str, list[int]] = {}
    for kind in (Kind.FAILURE, Kind.REFUSAL):
        for code, values in shown.codes[kind].items():
            before = by_code.get(code, [0] * len(values))
            by_code[code] = [was + step.requests for was, step in zip(before, values, strict=True)]
    ranked = sorted(by_code, key=lambda code: (-sum(by_code[code]), code))
    series = [Series(code, by_code[code], colour) for code, colour in zip(ranked, _CODES[:MOST_SERIES], strict=False)]
    rest = [by_code[code] for code in ranked[MOST_SERIES:]]
    if rest:
        series.append(Series("Other", [sum(step) for step in zip(*rest, strict=True)], "slate"))
    return Chart("Failures and refusals by code", shown.times, series, "bars")


def _guardrails(shown: OverviewScope) -> Chart:
    """Rules' hits, of which some blocked their call: each of those is also a call that was blocked."""
    counts = [
        ("Hits", MATCHED, "amber"),
        ("Calls blocked", BLOCKED, "bad"),
        ("Rules that could not tell", FAILED, "slate"),
    ]
    series = [Series(label, shown.guarded[kind], colour) for label, kind, colour in counts if kind in shown.guarded]
    return Chart("Guardrails", shown.times, series)


def _saved(shown: OverviewScope) -> Chart:
    values = [step.saved_nanousd for step in shown.cached]
    series = [Series("Saved", values, "teal")] if any(values) else []
    return Chart("Saved by the cache", shown.times, series, "bars", "money")


def _lookups(shown: OverviewScope) -> Chart:
    hits, missed = [step.hits for step in shown.cached], [step.missed for step in shown.cached]
    series = [Series("Found", hits, "teal"), Series("Not found", missed, "slate")]
    return Chart("Lookups of kept answers", shown.times, series if any(hits) or any(missed) else [], "bars")


def _parts(shown: OverviewScope, kind: Kind, by: str = "requests") -> list[tuple[str, str, Sequence[Sums]]]:
    """Part, label and steps of those with most, and of all others together."""
    first = [one.part for one in ranking(shown.scope, kind, shown.stretch, by, MOST_SERIES)]
    if not first:
        return []
    steps = course(shown.scope, (kind,), shown.axis, first)[kind]
    ordered = [part for part in (*first, OTHER) if part in steps]
    return [(part, "Other" if part == OTHER else part or _NAMELESS[kind], steps[part]) for part in ordered]


def _any(series: Sequence[Series]) -> bool:
    return any(any(one.values) for one in series)
