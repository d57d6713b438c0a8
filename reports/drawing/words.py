"""How figures, changes and times of a report are said, the same in every drawing. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from console import formats
from reports.engine.content import Cell, Column, Content, Figure
from reports.periods import days_in_words

MINUS: Final = "\N{MINUS SIGN}"
TONES: Final = {"better": "good", "worse": "bad", "moved": "info", "unclear": "neutral", "": "neutral"}
VERDICTS: Final = {
    "better": "Better, more than chance",
    "worse": "Worse, more than chance",
    "moved": "Changed, more than chance",
    "unclear": "May be chance",
    "": "",
}
URGENCIES: Final = {"now": "Now", "soon": "Soon", "consider": "Consider"}


def value(amount: float | None, unit: str) -> str:
    """With its unit; small shares keep two digits."""
    if unit == "percent" and amount is not None and 0 < abs(amount) < 0.1:
        return formats.percent(amount, 2)
    if unit == "money" and amount is not None:
        amount = round(amount)
    return formats.FORMATS[unit](amount)


def signed(amount: float, unit: str) -> str:
    """A difference: of shares in points."""
    sign = "+" if amount > 0 else MINUS if amount < 0 else "±"
    size = abs(amount)
    if unit == "percent":
        return f"{sign}{size * 100:.{1 if size >= 0.01 else 2}f} points"
    return sign + value(size, unit)


def change(figure: Figure) -> str:
    """Against the stretch before; empty where there is nothing to compare."""
    if figure.value is None or figure.before is None:
        return ""
    if figure.unit == "percent":
        return signed(figure.value - figure.before, "percent")
    growth = figure.growth
    if growth is None:
        return "new" if figure.value else "as before"
    if abs(growth) < 0.0005:
        return "as before"
    digits = 0 if abs(growth) >= 0.1 else 1
    return f"{'+' if growth > 0 else MINUS}{abs(growth) * 100:,.{digits}f}%"


def interval(figure: Figure) -> str:
    """Where the difference lies, at 95 %; empty where that was not tested."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{signed(figure.low, figure.unit)} to {signed(figure.high, figure.unit)}"


def verdict(figure: Figure) -> str:
    """Whether it is more than chance; empty where that was not tested."""
    return VERDICTS[figure.verdict]


def tone(figure: Figure) -> str:
    """``good``, ``bad``, ``info`` or ``neutral``."""
    return TONES[figure.verdict]


def cell(shown: Cell, column: Column) -> str:
    """Of a table."""
    if shown is None:
        return formats.NOTHING
    if isinstance(shown, str):
        return shown
    return value(shown, column.unit or "number")


def period(content: Content) -> str:
    """The days, in the zone of the report."""
    return days_in_words(content.start, content.end, ZoneInfo(content.zone))


def compared_with(content: Content) -> str:
    """What it is held against."""
    return f"Compared with {days_in_words(content.before, content.start, ZoneInfo(content.zone))}, {content.zone}."


def step_label(at_s: int, content: Content) -> str:
    """Of a chart's axis: hours of a day, days of longer."""
    moment = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(content.zone))
    return f"{moment:%H:%M}" if (content.end - content.start).days <= 1 else f"{moment:%a %-d}"


def short_label(at_s: int, content: Content) -> str:
    """The same, without the day of the week where there are many."""
    many = (content.end - content.start).days > 10
    moment = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(content.zone))
    return f"{moment:%-d %b}" if many else step_label(at_s, content)


def missing(content: Content) -> str:
    """What could not be read; empty where all was."""
    return f"Could not be read: {', '.join(content.missing)}." if content.missing else ""


def headline(content: Content) -> str:
    """The most important of it, in one line."""
    worse = [one for one in content.proven if one.verdict == "worse"]
    todos = content.todos
    said = f"{todos[0].text}" if todos else "Nothing has to be done."
    if worse:
        names = ", ".join(one.label.lower() for one in worse[:3])
        return f"Worse, more than chance: {names}. {said}"
    return said
