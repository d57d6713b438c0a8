"""Columns of a table: what a cell shows, how it is sorted, where it goes on a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import formats
from console.times import time_tag

NUMERIC = {"number", "money", "percent", "bytes", "ms", "tokens"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    ``kind`` is ``text``, ``code``, ``when`` (a date and time), ``number``, ``money`` (nano-dollars), ``tokens``,
    ``percent`` (a share of 1), ``bytes`` or ``ms``.
    """

    name: str
    """In the URL (``?sort=``) and in the CSV file."""
    label: str
    kind: str = "text"
    accessor: str | Callable[[Any], Any] = ""
    """A dotted attribute or a function of the row; by default the attribute of the column's name."""
    template: str = ""
    """Shows the cell where a value is not enough; gets ``row``, ``value`` and ``workspace``."""
    link: Callable[[Any, Any], str] | None = None
    """(row, workspace) → where the cell leads; empty for nowhere."""
    sort: str = ""
    """The field or annotation to sort by; empty: cannot be sorted by."""
    primary: bool = False
    """What names the row: the row's header, and the title of its card on a phone."""
    phone: bool = True
    """Whether a phone shows it."""
    help: str = ""
    """Explains the heading on hover."""
    export: bool = True
    """Whether the CSV file has it."""

    @property
    def numeric(self) -> bool:
        """Numbers are aligned at their end."""
        return self.kind in NUMERIC

    def value(self, row: Any) -> Any:
        """What the row has here; None where a link of the path is missing."""
        if callable(self.accessor):
            return self.accessor(row)
        try:
            return attrgetter(self.accessor or self.name)(row)
        except AttributeError:
            if "." in self.accessor:
                return None
            raise

    def cell(self, row: Any, workspace: Any) -> SafeString | str:
        """As the page shows it."""
        value = self.value(row)
        if self.template:
            context = {"row": row, "value": value, "workspace": workspace, "column": self}
            return render_to_string(self.template, context)
        shown = self._shown(value)
        url = self.link(row, workspace) if self.link else ""
        return format_html('<a href="{}">{}</a>', url, shown) if url else shown

    def _shown(self, value: Any) -> SafeString | str:
        if value is None or value == "":
            return formats.NOTHING
        if self.kind == "when":
            return time_tag(value)
        if self.kind == "money":
            return format_html('<span title="{}">{}</span>', formats.exact_money(value), formats.money(value))
        if self.kind == "code":
            return format_html("<code>{}</code>", value)
        if self.kind in formats.FORMATS:
            return formats.FORMATS[self.kind](value)
        return str(value)

    def exported(self, row: Any) -> Any:
        """As the CSV file has it: numbers plain, times in ISO 8601, texts that a spreadsheet would run defused."""
        value = self.value(row)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
            return f"'{value}"
        return "" if value is None else value
