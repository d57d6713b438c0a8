"""The ``prices`` of a model in ``providers.yaml``: one price, or several that follow each other or are tenants' own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise, zip_longest
from typing import Any

from contracts.money import to_nano_usd, to_usd
from routing.configuration.located import Section
from routing.configuration.run import Run
from routing.model_prices import KINDS
from routing.models import Model, ModelPrice

_EVER = datetime.min.replace(tzinfo=UTC)


class PricesSection:
    """A model's prices are exactly what is written; without any, the published ones count."""

    def __init__(self, model_entry: Section) -> None:
        self._entry = model_entry
        self._prices = _entries(model_entry)

    def apply(self, model: Model, run: Run) -> None:
        """Delete, change and create prices."""
        wanted = [(price, section) for section in self._prices if (price := _read(section, model, run)) is not None]
        _end_where_the_next_begins(wanted)
        wanted = _without_overlaps(wanted)
        kept = {price.pk for price, _section in wanted}
        for price in model.prices.exclude(pk__in=kept):
            run.delete(price, self._entry, "prices")
        # Those that are there already make room before new ones come.
        for price, section in sorted(wanted, key=lambda item: item[0]._state.adding):
            run.save(price, section)

    def check(self) -> None:
        """Read everything for its problems only."""
        for section in self._prices:
            _values(section)
            for name in ("tenant", "valid_from", "valid_until"):
                section.get(name)
            section.finish()


def prices_entry(model: Model) -> Any:
    """The prices as the file has them; None without any."""
    rows = sorted(model.prices.all(), key=lambda row: (row.tenant.slug if row.tenant else "", row.valid_from or _EVER))
    entries = [_entry(row, following) for row, following in zip_longest(rows, rows[1:])]
    if not entries:
        return None
    return entries[0] if len(entries) == 1 else entries


def _entries(model_entry: Section) -> list[Section]:
    found = model_entry.get("prices")
    if found is None or (found.is_mapping() and not found.value):
        return []
    return [Section(element) for element in found.elements()] if found.is_list() else [Section(found)]


def _read(section: Section, model: Model, run: Run) -> ModelPrice | None:
    """The row, unsaved; None, with a problem, when it cannot be told which one it is, or it has no figures."""
    tenant, known = run.tenant(section)
    values = _values(section)
    valid_from, valid_until = section.instant("valid_from"), section.instant("valid_until")
    section.finish()
    unreadable = section.has("valid_from") and valid_from is None
    if not known or unreadable or values["input"] is None or values["output"] is None:
        return None
    found = ModelPrice.objects.filter(model=model, tenant=tenant, valid_from=valid_from).first()
    price: ModelPrice = found or ModelPrice(model=model, tenant=tenant, valid_from=valid_from)
    price.valid_until = valid_until
    for kind, value in values.items():
        setattr(price, kind, value)
    return price


def _values(section: Section) -> dict[str, int | None]:
    values = {kind: section.dollars(kind) for kind in KINDS}
    for kind in ("input", "output"):
        if not section.has(kind):
            section.problem("a price needs both input and output")
            break
    return {**values, "request": values["request"] or 0}


def _end_where_the_next_begins(wanted: Iterable[tuple[ModelPrice, Section]]) -> None:
    """A price without an end lasts until the next one of the same tenant."""
    by_tenant: dict[Any, list[ModelPrice]] = {}
    for price, _section in wanted:
        by_tenant.setdefault(price.tenant_id, []).append(price)
    for prices in by_tenant.values():
        prices.sort(key=lambda price: price.valid_from or _EVER)
        for price, following in pairwise(prices):
            if price.valid_until is None and price.valid_from != following.valid_from:
                price.valid_until = following.valid_from


def _without_overlaps(wanted: Iterable[tuple[ModelPrice, Section]]) -> list[tuple[ModelPrice, Section]]:
    """Those that do not hold while an earlier one of the same tenant does; each other one is a problem."""
    kept: list[tuple[ModelPrice, Section]] = []
    for price, section in wanted:
        same = (other for other, _section in kept if other.tenant_id == price.tenant_id)
        if (clash := next((other for other in same if other.overlaps(price)), None)) is None:
            kept.append((price, section))
        else:
            section.problem(f"{section.located.name}: {clash.overlap_message()}")
    return kept


def _entry(row: ModelPrice, following: ModelPrice | None) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if row.tenant is not None:
        entry["tenant"] = row.tenant.slug
    if row.valid_from is not None:
        entry["valid_from"] = row.valid_from.astimezone(UTC)
    next_from = following.valid_from if following is not None and following.tenant_id == row.tenant_id else None
    if row.valid_until is not None and row.valid_until != next_from:
        entry["valid_until"] = row.valid_until.astimezone(UTC)
    for kind in KINDS:
        nano = getattr(row, kind)
        if nano is not None and not (kind == "request" and nano == 0):
            entry[kind] = written_usd(nano)
    return entry


def written_usd(nano: int) -> int | float | str:
    """A YAML number where that is exact, else the digits as text."""
    dollars = to_usd(nano)
    if dollars == dollars.to_integral_value():
        return int(dollars)
    return float(dollars) if to_nano_usd(type(dollars)(repr(float(dollars)))) == nano else format(dollars, "f")
