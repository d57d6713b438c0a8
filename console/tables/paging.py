"""Pages of rows that never count or skip without bound."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.core.exceptions import FieldError, ValidationError
from django.db.models import Q, QuerySet

MOST_COUNTED = 10_000
"""Rows are counted up to here; what lies beyond is reached by filters and sorting, not by leafing."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of rows and how to go on from it."""

    rows: Sequence[Any]
    number: int = 1
    total: int | None = None
    """None: not counted."""
    more: bool = False
    """Whether ``total`` is a lower bound."""
    pages: int = 1
    after: str = ""
    """The cursor of the next page; empty at the end, and where pages have numbers."""
    first: bool = True

    @property
    def has_next(self) -> bool:
        """Whether rows follow."""
        return bool(self.after) or self.number < self.pages

    @property
    def counted(self) -> str:
        """``1,234`` or ``more than 10,000``."""
        return f"more than {self.total:,}" if self.more else f"{self.total:,}"


def numbered(rows: QuerySet[Any], number: str | None, size: int) -> RowPage:
    """The page of this number, within the first :data:`MOST_COUNTED` rows; a number that is none is the first page."""
    counted = rows.order_by()[: MOST_COUNTED + 1].count()
    total, more = min(counted, MOST_COUNTED), counted > MOST_COUNTED
    pages = max(1, -(-total // size))
    wanted = int(number) if number and number.isascii() and number.isdigit() and len(number) < 6 else 1
    page = min(max(1, wanted), pages)
    found = list(rows[(page - 1) * size : page * size])
    return RowPage(found, page, total, more, pages, first=page == 1)


def keyset(rows: QuerySet[Any], field: str, *, descending: bool, after: str | None, size: int) -> RowPage:
    """The rows that follow the cursor, by ``field`` (never NULL) and primary key; a broken cursor is the first page."""
    sign, compare = ("-", "lt") if descending else ("", "gt")
    ordered = rows.order_by(f"{sign}{field}", f"{sign}pk")
    place = _place(after)
    if place is not None:
        value, key = place
        try:
            ordered = ordered.filter(Q(**{f"{field}__{compare}": value}) | Q(**{field: value, f"pk__{compare}": key}))
            # Lets the index on the field skip what lies before.
            ordered = ordered.filter(**{f"{field}__{compare}e": value})
        except (ValueError, ValidationError, FieldError):
            place = None
            ordered = rows.order_by(f"{sign}{field}", f"{sign}pk")
    found = list(ordered[: size + 1])
    cursor = _cursor(found[size - 1], field) if len(found) > size else ""
    return RowPage(found[:size], after=cursor, first=place is None)


def _cursor(row: Any, field: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([getattr(row, field), row.pk])).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[Any, Any] | None:
    if not cursor:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=tuple[Any, Any])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
