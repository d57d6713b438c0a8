"""What a finding says, in sentences with units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from console import formats
from evaluation.drift.rows import DriftFinding, DriftMonitor
from evaluation.engine.drift_signals import DRIFT_SIGNALS, MEANING, NUMBER, SHARE, DriftSignal

TESTS: Final = {
    "ks": "Kolmogorov–Smirnov test",
    "chi_square": "Chi-square test",
    "mmd": "Maximum mean discrepancy, by permutation",
    "": "Not tested",
}
MINUS: Final = "\u2212"
_SHARES: Final = {
    "failures": "Calls that fail",
    "guardrails": "Calls in which a guardrail found something",
    "refusals": "Answers in which the model declines",
}


def moved_in_words(finding: DriftFinding) -> str:
    """What was before and is now."""
    signal, figures = DRIFT_SIGNALS[finding.signal], finding.figures
    if not finding.test:
        return f"{finding.values:,} values in the window and {finding.reference_values:,} before: too few to tell."
    if signal.kind == NUMBER:
        parts = [
            f"{name} {_number(signal, figures[key][0])} → {_number(signal, figures[key][1])}{_change(*figures[key])}"
            for key, name in (("median", "median"), ("p95", "95th percentile"))
        ]
        return f"{signal.title}: {', '.join(parts)}."
    if signal.kind == MEANING:
        return f"{signal.title}: a classifier tells now from before {effect_in_words(finding)} better than chance."
    was, now = figures["share"]
    if signal.kind == SHARE:
        was, now = (share if figures["label"] == "yes" else 1 - share for share in (was, now))
        return f"{_SHARES[signal.name]}: {_share(was)} → {_share(now)}."
    return f"{signal.title}: “{figures['label']}” {_share(was)} → {_share(now)}."


def effect_in_words(finding: DriftFinding) -> str:
    """The effect, in percent of what it is of."""
    return formats.NOTHING if finding.effect is None else f"{finding.effect:.0%}"


def effect_about(finding: DriftFinding) -> str:
    """What the percentage is of."""
    return DRIFT_SIGNALS[finding.signal].effect_about


def verdict_in_words(finding: DriftFinding) -> str:
    """Why it counts as drift, or does not."""
    if not finding.test or finding.q is None or finding.effect is None:
        return "Too few values to tell."
    if finding.drifted:
        usual = "" if finding.usual is None else f", and earlier periods differ by {finding.usual:.0%} at most"
        return f"More than chance, and more than the {finding.least:.0%} that matter{usual}."
    if finding.effect < finding.least:
        return f"Less than the {finding.least:.0%} that matter."
    if finding.usual is not None and finding.effect <= finding.usual:
        return f"No more than earlier periods differ by from one another ({finding.usual:.0%})."
    return "It may be chance."


def probability(p: float | None) -> str:
    """A p value, as far as it says something."""
    if p is None:
        return formats.NOTHING
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def segment_in_words(monitor: DriftMonitor, segment: str, names: dict[str, str] | None = None) -> str:
    """Which calls; ``names`` of keys by id."""
    if not segment:
        return "all calls"
    kind = f"{monitor.segment_tag}=" if monitor.segment_by == "tag" else f"{monitor.get_segment_by_display()} "
    return f"{kind}{(names or {}).get(segment, segment)}"


def summary_of(monitor: DriftMonitor, findings: Sequence[DriftFinding]) -> str:
    """The largest first; for messages and titles."""
    largest = sorted(findings, key=lambda one: -(one.effect or 0))
    first = largest[0]
    more = f" And {len(largest) - 1} more." if len(largest) > 1 else ""
    where = f" ({segment_in_words(monitor, first.segment)})" if first.segment else ""
    return f"{moved_in_words(first)[:-1]}{where}.{more}"


def _number(signal: DriftSignal, value: float) -> str:
    if signal.unit == "money":
        return formats.money(round(value))
    return formats.duration(value) if signal.unit == "ms" else f"{value:,.0f}"


def _change(was: float, now: float) -> str:
    if was <= 0:
        return ""
    change = now / was - 1
    return f" ({'+' if change >= 0 else MINUS}{abs(change):.0%})"


def _share(value: float) -> str:
    return f"{value:.1%}"


def value_in_words(signal_name: str, value: str) -> str:
    """An example's number with its unit, or its label."""
    signal = DRIFT_SIGNALS[signal_name]
    if not value or signal.kind != NUMBER:
        return value
    return _number(signal, float(value))


def edge_in_words(signal_name: str, edge: Any) -> str:
    """The border of a bin."""
    signal = DRIFT_SIGNALS[signal_name]
    return _number(signal, float(edge)) if signal.kind == NUMBER else f"{float(edge):.1f}"
