"""Rows of settings that every search reads, by statements written once: putting one together takes Django longer than
PostgreSQL takes to answer it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, models

from rag.models import Collection, EmbeddingIndex

Row = TypeVar("Row", bound=models.Model)

_SWITCHED_ON = " WHERE tenant_id = %s AND enabled AND (%s OR name = ANY(%s)) ORDER BY name, id"
_IN_USE = " WHERE tenant_id = %s AND collection_id = ANY(%s) AND state = %s ORDER BY id"


def switched_on(tenant_id: UUID, names: Sequence[str]) -> list[Collection]:
    """The tenant's collections of these names that are switched on; without names, all that are."""
    return _rows(Collection, _SWITCHED_ON, [tenant_id, not names, list(names)])


def indexes_in_use(tenant_id: UUID, collection_ids: Sequence[UUID]) -> list[EmbeddingIndex]:
    """The vectors in use, of those collections that have some."""
    return _rows(EmbeddingIndex, _IN_USE, [tenant_id, list(collection_ids), EmbeddingIndex.State.LIVE.value])


def _rows(model: type[Row], where: str, values: list[Any]) -> list[Row]:
    select, names = _columns(model)
    with connection.cursor() as cursor:
        cursor.execute(select + where, values)
        return [model.from_db(DEFAULT_DB_ALIAS, names, row) for row in cursor.fetchall()]


@cache
def _columns(model: type[models.Model]) -> tuple[str, list[str]]:
    """The statement up to its conditions, and the names of the fields in the order of the columns."""
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{one.column}"' for one in fields)
    return f"SELECT {columns} FROM {model._meta.db_table}", [one.attname for one in fields]  # noqa: S608
