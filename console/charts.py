"""What a chart shows; ``{% chart %}`` draws it, and says the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from console import formats

Number = int | float

COLOURS = ("brand", "teal", "amber", "pink", "blue", "green", "orange", "slate")
"""For series without a meaning of their own, in this order; ``good``, ``warn`` and ``bad`` have one."""
MOST_TABLE_ROWS = 60
"""Rows of the table beside a chart; a finer one is summed up for nobody."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, area or stack of bars."""

    label: str
    values: Sequence[Number | None]
    """One for each time; None where nothing was measured, which is not zero."""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, as a line at its time; said below the chart as well."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Values over time.

    ``unit`` is one of :data:`console.formats.FORMATS`: ``number``, ``money`` (nano-dollars), ``ms``, ``tokens``,
    ``percent`` (shares of 1) or ``bytes``.
    """

    title: str
    times: Sequence[datetime]
    series: Sequence[Series]
    kind: str = "line"
    """``line``, ``area`` (stacked from the bottom) or ``bars`` (stacked)."""
    unit: str = "number"
    height: int = 220
    """In pixels."""
    zoom: bool = True
    """Whether a dragged range becomes the page's time range."""
    summary: str = ""
    """What there is to see, in one sentence; by default the last values."""
    marks: Sequence[Mark] = ()
    marks_said: bool = True
    """Whether they are said below the chart; of several charts of the same time, below one."""

    def data(self) -> dict[str, object]:
        """For charts.js."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "height": self.height,
            "zoom": self.zoom,
            "times": [int(moment.timestamp()) for moment in self.times],
            "series": [
                {"label": one.label, "values": list(one.values), "colour": one.colour or COLOURS[index % len(COLOURS)]}
                for index, one in enumerate(self.series)
            ],
            **({"marks": [int(one.at.timestamp()) for one in self.marks]} if self.marks else {}),
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not any(value is not None for one in self.series for value in one.values)

    @property
    def sentence(self) -> str:
        """For who does not see the chart."""
        if self.summary:
            return self.summary
        form = formats.FORMATS[self.unit]
        latest = (
            f"{one.label} {form(next((v for v in reversed(one.values) if v is not None), None))}" for one in self.series
        )
        return f"Latest: {', '.join(latest)}."

    def rows(self) -> list[tuple[datetime, list[str]]]:
        """The table: the last times first."""
        form = formats.FORMATS[self.unit]
        last = range(len(self.times) - 1, -1, -1)[:MOST_TABLE_ROWS]
        return [(timezone.localtime(self.times[at]), [form(one.values[at]) for one in self.series]) for at in last]

    def table_rows(self) -> SafeString:
        """:meth:`rows` for the table's body: hundreds on a page, which takes a template's loop as long as all else."""
        cell = '<td class="num">{}</td>'.format
        return mark_safe(  # noqa: S308 - every part is escaped
            "".join(
                f'<tr><th scope="row">{moment:%-d %b %H:%M}</th>{"".join(cell(escape(value)) for value in values)}</tr>'
                for moment, values in self.rows()
            )
        )


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a ranking."""

    label: str
    value: Number
    url: str = ""
    colour: str = "brand"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a donut."""

    label: str
    value: Number
    colour: str = ""


def sparkline(values: Sequence[Number | None], width: int = 96, height: int = 28) -> str:
    """Points of an SVG polyline; empty for fewer than two values."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    span, step = (high - low) or 1, width / (len(values) - 1)
    points = ((index * step, height - 2 - (value - low) / span * (height - 4)) for index, value in known)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
