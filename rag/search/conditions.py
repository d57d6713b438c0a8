"""Who may see what, and filters by metadata, as SQL with parameters. Names and values are never put into the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from rag.engine.filters import Filter


class Few(msgspec.Struct, frozen=True):
    """What filters and tags leave, where that is so little that all of it can be compared."""

    documents: list[UUID]
    chunks: int


def conditions(
    table: str, tags: Sequence[str] | None, filters: Sequence[Filter], few: Few | None = None
) -> tuple[str, dict[str, Any]]:
    """What follows a WHERE clause (`` AND …``, or nothing), and its parameters.

    ``few`` names the documents that tags and filters leave, where that is known: their index goes there at once, and
    metadata need not be looked at again. Tags are, since they are what somebody may see.
    """
    parts: list[str] = []
    values: dict[str, Any] = {}
    if few is not None:
        parts.append(f"{table}.document_id = ANY(%(documents)s)")
        values["documents"] = few.documents
    if tags is not None:
        parts.append(f"(cardinality({table}.access_tags) = 0 OR {table}.access_tags && %(tags)s::varchar[])")
        values["tags"] = list(tags)
    for number, one in enumerate(() if few is not None else filters):
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
