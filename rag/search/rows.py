"""What every search reads before it begins, by statements written once: putting one together takes Django longer than
PostgreSQL takes to answer it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS, models

from rag.collection_rows import Language
from rag.models import Collection, EmbeddingIndex
from rag.search.indexing import MARK
from rag.search.limits import Asking, Rows

Row = TypeVar("Row", bound=models.Model)

LANGUAGES = tuple(one for one in Language.values if one != Language.AUTO)
_SWITCHED_ON = "c.tenant_id = %(tenant)s AND c.enabled AND (%(all)s OR c.name = ANY(%(names)s))"
_COLLECTIONS = f"FROM rag_collection AS c WHERE {_SWITCHED_ON} ORDER BY c.name, c.id"
_MARKS = """, (
    SELECT jsonb_object_agg(known.lexeme, known.chunks) FROM rag_lexeme AS known
    WHERE known.tenant_id = %(tenant)s AND known.collection_id = c.id AND known.chunks > 0
        AND known.lexeme = ANY(%(languages)s::text[] || (%(mark)s || c.id::text))
) """
_HNSW = "rag_hnsw_"
_IN_USE = f"""
    , (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{_HNSW}' || replace(i.id::text, '-', '')))
    FROM rag_embeddingindex AS i
    WHERE i.tenant_id = %(tenant)s AND i.state = %(live)s
        AND i.collection_id IN (SELECT c.id FROM rag_collection AS c WHERE {_SWITCHED_ON})
    ORDER BY i.id
"""  # noqa: S608
_OF_ALL = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('rag_chunk')"


class Known(msgspec.Struct, frozen=True):
    """A tenant's collections of some names, and what is known of them."""

    collections: list[Collection]
    marks: Mapping[str, int]
    """Chunks of each collection (by ``@`` and its id) and of each language (by ``@`` and its name)."""
    indexes: list[EmbeddingIndex]
    """Vectors in use, of those collections that have some."""
    broken: frozenset[UUID]
    """Those whose HNSW is missing or invalid: without it a search would take seconds."""
    chunks_of_all: int
    """Chunks of all tenants, about; negative: not known."""


def known_of(asking: Asking, tenant_id: UUID, names: Sequence[str]) -> Known:
    """Of the tenant's collections of these names that are switched on; without names, of all that are."""
    which = _which(tenant_id, names)
    marked = {"languages": [f"{MARK}{one}" for one in LANGUAGES], "mark": MARK}
    collections, indexes, of_all = asking.all(
        [
            (_select(Collection, "c") + _MARKS + _COLLECTIONS, which | marked),
            (_select(EmbeddingIndex, "i") + _IN_USE, which | {"live": EmbeddingIndex.State.LIVE.value}),
            (_OF_ALL, {}),
        ]
    )
    marks: Counter[str] = Counter()
    for row in collections:
        marks.update(msgspec.json.decode(row[-1] or "{}", type=dict[str, int]))
    in_use = _made(EmbeddingIndex, [row[:-1] for row in indexes])
    return Known(
        collections=_made(Collection, [row[:-1] for row in collections]),
        marks=marks,
        indexes=in_use,
        broken=frozenset(
            one.pk for one, row in zip(in_use, indexes, strict=True) if one.searched_by == "hnsw" and not row[-1]
        ),
        chunks_of_all=of_all[0][0],
    )


def switched_on(asking: Asking, tenant_id: UUID, names: Sequence[str]) -> list[Collection]:
    """The tenant's collections of these names that are switched on; without names, all that are."""
    return _made(Collection, asking.rows(_select(Collection, "c") + _COLLECTIONS, _which(tenant_id, names)))


def hnsw_name(index_id: UUID) -> str:
    """What PostgreSQL calls the index of its own that an embedding index has."""
    return f"{_HNSW}{index_id.hex}"


def _which(tenant_id: UUID, names: Sequence[str]) -> dict[str, Any]:
    return {"tenant": tenant_id, "all": not names, "names": list(names)}


def _made(model: type[Row], rows: Rows) -> list[Row]:
    names = _names(model)
    return [model.from_db(DEFAULT_DB_ALIAS, names, row) for row in rows]


@cache
def _names(model: type[models.Model]) -> list[str]:
    return [one.attname for one in model._meta.concrete_fields]


@cache
def _select(model: type[models.Model], name: str) -> str:
    """The model's columns, in the order of its fields, as those of a table of this name."""
    return "SELECT " + ", ".join(f'{name}."{one.column}"' for one in model._meta.concrete_fields) + " "
