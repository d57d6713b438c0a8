"""Passages' texts, read behind row-level security: PostgreSQL itself shows the caller's tenant and tags, nothing else.

Searching looks at columns without texts, with the same conditions in its statements; the operators of full-text search
are not leakproof, so behind a policy they could not use their index.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from rag.search.limits import NONE, Asking, Setting
from rag.search.scope import Scope

READER: Final = "breakwater_reader"

_TEXTS: Final = """
    SELECT c.id, c.collection_id, c.document_id, d.external_id, d.title, d.uri, c.position, c.start, c."end",
        c.heading, c.page, c.text, c.text_hash, c.metadata, {lexemes}
    FROM rag_chunk AS c JOIN rag_document AS d ON d.id = c.document_id AND d.tenant_id = c.tenant_id
    WHERE c.tenant_id = %(tenant)s AND c.collection_id = ANY(%(collections)s) AND c.id = ANY(%(chunks)s){tags}
"""
_MATCHED: Final = "ARRAY(SELECT w.lexeme FROM unnest(c.lexemes) AS w WHERE w.lexeme = ANY(%(lexemes)s))"
_TAGS: Final = " AND (cardinality(c.access_tags) = 0 OR c.access_tags && %(tags)s::varchar[])"
_HAS_ROLE: Final = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s AND pg_has_role(oid, 'MEMBER'))"


class Text(msgspec.Struct, frozen=True):
    """A chunk's text, and where it stands."""

    chunk_id: int
    collection_id: UUID
    document_id: UUID
    external_id: str
    title: str
    uri: str
    position: int
    start: int
    end: int
    heading: str
    page: int | None
    text: str
    text_hash: str
    metadata: dict[str, Any]
    matched: list[str]


def texts_of(asking: Asking, scope: Scope, chunk_ids: Sequence[int], lexemes: Sequence[str] = ()) -> dict[int, Text]:
    """The chunks' texts by id; ``matched`` are those of ``lexemes`` that a chunk has."""
    values = {
        "tenant": scope.tenant_id,
        "collections": scope.ids,
        "chunks": list(chunk_ids),
        "tags": scope.tags,
        "lexemes": list(lexemes),
    }
    statement = _TEXTS.format(
        lexemes=_MATCHED if lexemes else "ARRAY[]::text[]", tags="" if scope.tags is None else _TAGS
    )
    rows = asking.rows(statement, values, _as_reader(scope) if _reader.there(asking) else NONE)
    return {int(row[0]): Text(*_decoded(row)) for row in rows}


def _as_reader(scope: Scope) -> dict[str, Setting]:
    return {
        "breakwater.tenant": str(scope.tenant_id),
        "breakwater.tags": "*" if scope.tags is None else scope.tags,
        "role": READER,
    }


def _decoded(row: Sequence[Any]) -> list[Any]:
    """Psycopg gives Django JSON as text, for its own fields to decode."""
    values = list(row)
    if isinstance(values[13], str):
        values[13] = msgspec.json.decode(values[13])
    return values


class _Reader:
    """Whether this process's database user may take the reader's role; asked once for each database."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}
        self._lock = threading.Lock()

    def there(self, asking: Asking) -> bool:
        name = str(connection.settings_dict["NAME"])
        with self._lock:
            if name not in self._known:
                self._known[name] = bool(asking.rows(_HAS_ROLE, {"role": READER})[0][0])
            return self._known[name]


_reader: Final = _Reader()
