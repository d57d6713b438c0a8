"""What a model costs at an instant: the tenant's own price, else the model's, else the published one, else unknown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from contracts.specs import PriceChanges, PriceSpec, PriceTimeline
from routing.published_prices import PublishedPrices

if TYPE_CHECKING:
    from routing.models import Model, ModelPrice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class PriceHistory:
    """Everything known about one model's price for one tenant (None: for those without a price of their own).

    Reads ``model.prices`` (one query, none where they are prefetched) and no more after that.
    """

    def __init__(self, model: Model, tenant_id: uuid.UUID | None = None) -> None:
        rows: list[ModelPrice] = list(model.prices.all())
        self._own = [row for row in rows if tenant_id is not None and row.tenant_id == tenant_id]
        self._everybodys = [row for row in rows if row.tenant_id is None]
        self._rows = (*self._own, *self._everybodys)
        self._published = PublishedPrices(
            kind=model.provider.kind, base_url=model.provider.base_url, wire_name=model.wire_name or model.name
        )

    def at(self, instant: datetime) -> PriceSpec | None:
        """The price of a call that begins then; None when it is unknown."""
        for rows in (self._own, self._everybodys):
            if (row := _in_force(rows, instant)) is not None:
                return price_spec(row)
        return self._published.at(instant)

    def source_at(self, instant: datetime) -> str:
        """Where that price is from: ``tenant``, ``model``, ``published`` or ``unknown``."""
        if _in_force(self._own, instant) is not None:
            return "tenant"
        if _in_force(self._everybodys, instant) is not None:
            return "model"
        return "unknown" if self._published.at(instant) is None else "published"

    def timeline(self, now: datetime) -> PriceTimeline:
        """The price now, and every later one that is known today."""
        instants = set() if _covered(self._rows, now) else self._published.changes_after(now)
        for row in self._rows:
            instants |= {edge for edge in (row.valid_from, row.valid_until) if edge is not None and edge > now}
        present = self.at(now)
        return PriceTimeline(price=present, price_changes=self._changes(present, sorted(instants)))

    def between(self, start: datetime, end: datetime) -> PriceTimeline:
        """The price at ``start``, and every other one that began before ``end``."""
        instants = {edge for row in self._rows for edge in (row.valid_from, row.valid_until) if edge}
        day = end if _covered(self._rows, start, end) else start
        while day < end:  # What prices by the hour will be is told for some days ahead.
            instants |= self._published.changes_after(day)
            day += timedelta(days=1)
        present = self.at(start)
        return PriceTimeline(
            price=present,
            price_changes=self._changes(present, sorted(edge for edge in instants if start < edge < end)),
        )

    def _changes(self, present: PriceSpec | None, instants: Iterable[datetime]) -> PriceChanges:
        changes: list[tuple[int, PriceSpec | None]] = []
        last = present
        for instant in instants:
            price = self.at(instant)
            if price != last:
                changes.append((_unix_ms(instant), price))
                last = price
        return tuple(changes)


def price_spec(row: ModelPrice) -> PriceSpec:
    """The row as the data plane knows it."""
    return PriceSpec(**{kind: getattr(row, kind) for kind in PriceSpec.__struct_fields__})


def _in_force(rows: Iterable[ModelPrice], instant: datetime) -> ModelPrice | None:
    for row in rows:
        begun = row.valid_from is None or row.valid_from <= instant
        if begun and (row.valid_until is None or row.valid_until > instant):
            return row
    return None


def _covered(rows: Iterable[ModelPrice], start: datetime, end: datetime | None = None) -> bool:
    """Whether one of them is in force at every instant from ``start`` on, to ``end`` or for good."""
    instant = start
    while end is None or instant < end:
        row = _in_force(rows, instant)
        if row is None:
            return False
        if row.valid_until is None:
            return True
        instant = row.valid_until
    return True


def _unix_ms(instant: datetime) -> int:
    """The first whole millisecond that is not before the instant."""
    return -((_EPOCH - instant) // _MILLISECOND)
