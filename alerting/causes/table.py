"""The evidence in words: for pages, post-mortems, and whoever writes a summary. Figures in people's units."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.causes.evidence import Evidence, Explained
from console import formats

_PER_MINUTE: Final = "a minute"
PRICED: Final = "money"


class SegmentRow(msgspec.Struct, frozen=True):
    """One line of the table of segments."""

    name: str
    blamed: bool
    share: str
    before: str
    now: str
    calls: str
    """A minute, before and now."""
    why: str
    """What it does: fares differently, or is more or fewer calls."""
    chance: str


def segment_rows(evidence: Evidence, segments: list[Explained]) -> list[SegmentRow]:
    """In the order of the evidence."""
    return [
        SegmentRow(
            name=named(one),
            blamed=one.blamed,
            share=share(one.share),
            before=figure(evidence, one.before),
            now=figure(evidence, one.now),
            calls=f"{rate(one.calls_before)} → {rate(one.calls_now)}",
            why=_why(evidence, one),
            chance=chance(one.p),
        )
        for one in segments
    ]


def named(one: Explained) -> str:
    """Such as ``route chat, model gpt-5``."""
    return ", ".join(f"{_dimension(part.dimension)} {part.name or part.value}" for part in one.parts)


def _dimension(name: str) -> str:
    return f"tag {name.removeprefix('tag:')} =" if name.startswith("tag:") else name


def figure(evidence: Evidence, value: float | None) -> str:
    """In the signal's unit; slow calls are counted as a share."""
    if value is None:
        return formats.NOTHING
    unit = "percent" if evidence.measure == "share" else evidence.unit
    return str(formats.FORMATS.get(unit, formats.FORMATS["number"])(value))


def share(value: float) -> str:
    """Of the change; at most all of it and a half, beyond which the number says nothing."""
    return "> 150%" if value > 1.5 else f"{value * 100:.0f}%"


def rate(value: float) -> str:
    """Calls a minute."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2f}" if 0 < value < 0.1 else f"{value:.1f}"


def chance(p: float) -> str:
    """That it is chance."""
    if p < 0.0001:
        return "< 0.01%"
    return f"{p * 100:.2g}%" if p < 0.1 else f"{p * 100:.0f}%"


def _why(evidence: Evidence, one: Explained) -> str:
    if abs(one.mix_effect) > abs(one.rate_effect):
        more = one.calls_now >= one.calls_before
        return "more of them" if more else "fewer of them"
    if evidence.measure == "total":
        return "more in each" if one.rate_effect > 0 else "less in each"
    return "they fare differently"


def change(evidence: Evidence) -> str:
    """The whole in one sentence; empty where nothing was measured."""
    if evidence.now is None:
        return ""
    what = evidence.title
    if evidence.measure == "share" and evidence.unit == "ms":
        what = f"Calls slower than {what.lower()} was before"
    minute = f" {_PER_MINUTE}" if evidence.measure == "total" and _PER_MINUTE not in what else ""
    return (
        f"{what}: {figure(evidence, evidence.before)} before, {figure(evidence, evidence.now)} now{minute}"
        f" (reference: {evidence.reference})."
    )


def conclusion(evidence: Evidence) -> str:
    """What stands out, in one sentence; empty where nothing does."""
    found = evidence.blamed
    if not found:
        return ""
    also = f" (the same calls as {'; '.join(named(one) for one in found[1:3])})" if len(found) > 1 else ""
    first = found[0]
    return (
        f"{named(first).capitalize()}{also} explains {share(first.share)} of the change with {first.weight * 100:.0f}% "
        f"of the calls."
    )


def as_lines(evidence: Evidence, zone: ZoneInfo) -> list[str]:
    """Markdown, for documents and prompts."""
    lines = [text for text in (change(evidence), conclusion(evidence), *evidence.notes) if text]
    lines += _table(evidence, evidence.segments)
    if evidence.inside:
        lines += ["", f"Among the calls of {named(evidence.blamed[0])}:", *_table(evidence, evidence.inside)]
    if evidence.outcomes:
        lines += ["", "| failures | a minute before | now |", "|---|---|---|"]
        lines += [f"| {plain(one.code)} | {rate(one.before)} | {rate(one.now)} |" for one in evidence.outcomes]
    if evidence.happened:
        lines += ["", "What changed around the beginning, the likeliest first:", ""]
        lines += [
            f"* {_at(one.at, zone)} ({distance(one.minutes_before)}): {plain(one.text)}" for one in evidence.happened
        ]
    if evidence.similar:
        lines += ["", "Earlier incidents like this:", ""]
        lines += [_earlier(one, zone) for one in evidence.similar]
    return lines


def _table(evidence: Evidence, segments: list[Explained]) -> list[str]:
    if not segments:
        return []
    head = ["", "| segment | explains | before | now | calls a minute | how | by chance |", f"|{'---|' * 7}"]
    return [*head, *(_row(row) for row in segment_rows(evidence, segments))]


def _row(row: SegmentRow) -> str:
    mark = "**" if row.blamed else ""
    cells = (f"{mark}{plain(row.name)}{mark}", row.share, row.before, row.now, row.calls, row.why, row.chance)
    return f"| {' | '.join(cells)} |"


def _earlier(one: Any, zone: ZoneInfo) -> str:
    ended = f" It ended: {plain(one.ended)}" if one.ended else ""
    return f"* {_at(one.began_at, zone)} {plain(one.title)} ({', '.join(map(plain, one.why))}).{ended}"


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def distance(minutes: float) -> str:
    """From the beginning of the incident."""
    away = abs(minutes)
    long = f"{away:.0f} min" if away < _LONG_MINUTES else f"{away / 60:.0f} h"
    return f"{long} {'before' if minutes >= 0 else 'after it began'}"


_LONG_MINUTES = 90


def plain(text: str) -> str:
    """On one line, and no markup of a table."""
    return " ".join(text.split()).replace("|", "\\|")
