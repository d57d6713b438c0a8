"""Who may see what, and filters by metadata, as SQL with parameters. Names and values are never put into the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from rag.engine.filters import Filter


def conditions(table: str, tags: Sequence[str] | None, filters: Sequence[Filter]) -> tuple[str, dict[str, Any]]:
    """What follows a WHERE clause (`` AND …``, or nothing), and its parameters."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    if tags is not None:
        parts.append(f"(cardinality({table}.access_tags) = 0 OR {table}.access_tags && %(tags)s::varchar[])")
        values["tags"] = list(tags)
    for number, one in enumerate(filters):
        part, of_filter = _filter(table, f"filter_{number}", one)
        parts.append(part)
        values |= of_filter
    return "".join(f" AND {part}" for part in parts), values


def _filter(table: str, name: str, one: Filter) -> tuple[str, dict[str, Any]]:
    if not one.bounds:
        alternatives = {
            f"{name}_{at}": msgspec.json.encode({one.field: value}).decode() for at, value in enumerate(one.values)
        }
        return "(" + " OR ".join(f"{table}.metadata @> %({key})s::jsonb" for key in alternatives) + ")", alternatives
    field = f"{table}.metadata -> %({name})s::text"
    # Within CASE, for PostgreSQL does not say in which order it looks at what AND joins.
    is_text = isinstance(one.bounds[0][1], str)
    kind, value = ("string", f"({field} #>> '{{}}') COLLATE \"C\"") if is_text else ("number", f"({field})::numeric")
    bounds = " AND ".join(f"{value} {operator} %({name}_{at})s" for at, (operator, _) in enumerate(one.bounds))
    part = f"CASE WHEN jsonb_typeof({field}) = '{kind}' THEN {bounds} ELSE false END"
    return part, {name: one.field, **{f"{name}_{at}": bound for at, (_, bound) in enumerate(one.bounds)}}
