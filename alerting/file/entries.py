"""What the four lists of ``observability.yaml`` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from alerting.owned import OwnedRow
from routing.configuration.keys import keys_named, name_of_key
from routing.configuration.located import Section
from routing.configuration.run import Run
from tenants.models import ApiKey, Tenant

Row = TypeVar("Row", bound=OwnedRow)
SEGMENTS = ("route", "model", "key")


class Part(msgspec.Struct, Generic[Row], frozen=True):
    """One list of the file: what its entries are rows of, and how they are read and written."""

    section: str
    model: Any
    apply: Callable[[Row, Section, Run], None]
    """Read the entry into the row, and save that; what is wrong becomes problems at their lines."""
    fields: Callable[[Row], dict[str, Any]]
    """The entry but for its name and tenant."""
    delete: Callable[[Row], None]
    """The service that deletes one."""

    def entries(self, top: Section, run: Run) -> Iterator[tuple[str, Section, Tenant | None]]:
        """Name, entry and owner of each that can be taken."""
        seen: set[tuple[str, str]] = set()
        for name, entry in top.named(self.section):
            tenant, known = run.tenant(entry)
            identity = (tenant.slug if tenant else "", name)
            if identity in seen:
                entry.problem(f"{self.section}: {name} is there twice")
            elif known:
                yield name, entry, tenant
            seen.add(identity)

    def found(self, name: str, tenant: Tenant | None) -> Row:
        """The owner's row of this name, or a new one."""
        row: Row | None = self.model.objects.filter(tenant=tenant, name=name).first()
        return row or self.model(tenant=tenant, name=name)

    def entry(self, row: Row) -> dict[str, Any]:
        """The row as the file has it."""
        plain: Any = row
        owned = {"tenant": plain.tenant.slug} if plain.tenant is not None else {}
        return {"name": plain.name, **owned, **self.fields(row)}


def default(model: Any, name: str) -> Any:
    """What the field is where nobody says anything."""
    return model._meta.get_field(name).get_default()


def others(row: OwnedRow, names: Iterable[str]) -> dict[str, Any]:
    """Those of these fields that are not at their default."""
    values = {name: getattr(row, name) for name in names}
    return {name: value for name, value in values.items() if value != default(type(row), name)}


def read_segment(entry: Section, row: Any) -> None:
    """Of ``route: NAME``, ``model: NAME`` or ``key: NAME``, one or none."""
    named = {kind: text for kind in SEGMENTS if (text := entry.text(kind))}
    if len(named) > 1:
        entry.problem(f"{row.name} is about one of {', '.join(SEGMENTS)}, not about {' and '.join(named)}")
    row.segment_kind, row.segment = next(iter(named.items()), ("all", ""))
    if row.segment_kind == "key":
        row.segment = _key_id(entry, row.tenant, row.segment)


def segment_entry(row: Any) -> dict[str, str]:
    """The same way back; a key by its name, where it is the only one of that name."""
    if row.segment_kind == "all":
        return {}
    return {row.segment_kind: _key_name(row) if row.segment_kind == "key" else row.segment}


def only(entry: Section, allowed: Mapping[str, bool], about: str) -> None:
    """A problem for each key that is there although it has no meaning for such a row."""
    for name, fits in allowed.items():
        if not fits and entry.has(name):
            entry.problem(f"{about} has no {name}", name)


def _key_id(entry: Section, tenant: Tenant | None, name: str) -> str:
    found = keys_named(tenant, name)
    if len(found) == 1:
        return str(found[0].pk)
    entry.problem(f"there is no key {name!r}" if not found else f"several keys are called {name!r}: write an id", "key")
    return name


def _key_name(row: Any) -> str:
    key = ApiKey.objects.filter(tenant=row.tenant_id, pk=row.segment).select_related("tenant").first()
    return str(row.segment) if key is None else name_of_key(key)
