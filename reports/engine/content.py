"""What a report says, as it is kept: every way to draw it draws these facts, and none of them asks for more.

Units are those of :data:`console.formats.FORMATS`: shares of 1, milliseconds, nano-dollars.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

VERSION: Final = 1
URGENCIES: Final = ("now", "soon", "consider")
"""Of what is to be done, the most urgent first."""
UP, DOWN = "up", "down"
Cell = str | float | int | None


class Figure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A value, and what it was in the stretch before."""

    label: str
    value: float | None
    unit: str = "number"
    before: float | None = None
    low: float | None = None
    """The least by which it grew, at 95 %; None where that cannot be said."""
    high: float | None = None
    good: str = ""
    """``up`` or ``down``: which way is better; empty: neither is."""
    note: str = ""

    @property
    def growth(self) -> float | None:
        """A share of what it was; None where that was nothing."""
        if self.value is None or not self.before:
            return None
        return self.value / self.before - 1

    @property
    def tested(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    @property
    def proven(self) -> bool:
        """Whether the interval leaves out nothing."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``moved`` where it is more than chance, ``unclear`` where not; empty: not tested."""
        if not self.tested:
            return ""
        if not self.proven:
            return "unclear"
        grew = self.low is not None and self.low > 0
        if not self.good:
            return "moved"
        return "better" if grew == (self.good == UP) else "worse"


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a table; ``unit`` empty for words."""

    label: str
    unit: str = ""


class Table(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Rows, the most important first; a cell of words or a number."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series of a chart."""

    label: str
    values: list[float | None]
    pale: bool = False
    """What it was before, beside what it is."""


class Chart(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Values over time."""

    title: str
    times: list[int]
    """Unix seconds, when each step begins."""
    lines: list[Line]
    unit: str = "number"
    kind: str = "line"
    """``line`` or ``bars``."""
    says: str = ""
    """What there is to see, for who does not see it."""


class Todo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something to do, by a rule that docs/REPORTS.md states."""

    urgency: str
    text: str
    why: str = ""
    page: str = ""
    """Name of the page where it is done, without namespace."""
    args: dict[str, str] = {}


class Section(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One subject."""

    key: str
    title: str
    summary: str
    """In one or two sentences."""
    figures: list[Figure] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    todos: list[Todo] = []
    page: str = ""
    """Where there is more."""
    permission: str = ""
    """What one has to be allowed to do to see it, besides seeing usage."""


class Content(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All of a report."""

    version: int = VERSION
    kind: str
    title: str
    owner: str
    """The tenant's name, or all tenants."""
    zone: str
    start: datetime
    end: datetime
    before: datetime
    """When the stretch begins that it is compared with; it ends where this one begins."""
    sections: list[Section]
    missing: list[str] = []
    """Titles of sections that could not be read."""

    @property
    def todos(self) -> list[Todo]:
        """Of all sections, the most urgent first."""
        return sorted(
            (todo for one in self.sections for todo in one.todos), key=lambda one: URGENCIES.index(one.urgency)
        )

    @property
    def proven(self) -> list[Figure]:
        """What changed by more than chance, of all sections; what became worse first."""
        found = [one for section in self.sections for one in section.figures if one.proven]
        return sorted(found, key=lambda one: ("worse", "better", "moved").index(one.verdict))

    def seen_by(self, may: Callable[[str], bool]) -> Content:
        """Without the sections that this reader may not see."""
        left = [one for one in self.sections if not one.permission or may(one.permission)]
        return msgspec.structs.replace(self, sections=left)

    def to_plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def of_plain(cls, plain: Any) -> Content:
        """What :meth:`to_plain` gave."""
        found = msgspec.convert(plain, cls)
        return msgspec.structs.replace(found, sections=[_as_wide_as_rows(one) for one in found.sections])


def _as_wide_as_rows(section: Section) -> Section:
    """Without columns that no row has: reports of 0.1.0 that are kept named one too many for proven differences."""
    tables = [
        msgspec.structs.replace(one, columns=one.columns[: max(map(len, one.rows), default=len(one.columns))])
        for one in section.tables
    ]
    return msgspec.structs.replace(section, tables=tables)
