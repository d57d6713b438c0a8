"""The audit log as CSV or JSON lines, streamed; every export is an entry itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final

from django.db.models import QuerySet

from contracts.cells import safe_cell
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.audit_chain import canonical_json
from tenants.audit_log import AuditFilter, note, search

FORMATS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
COLUMNS: Final = (
    "sequence",
    "at",
    "actor",
    "source_ip",
    "action",
    "object_type",
    "object_id",
    "object_name",
    "tenant_ref",
    "before",
    "after",
    "digest",
    "previous_hash",
    "hash",
)
_CHUNK: Final = 1_000
_PIECE: Final = 64 * 1024


def export(
    chosen: AuditFilter,
    format_: str,
    rows: QuerySet[AuditEntry] | None = None,
    asked: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The entries that were asked for, oldest first, a piece at a time; of ``rows`` where given.

    ``asked`` says in the log what ``rows`` were narrowed by.

    The export is noted in the log when this is called, before the first piece.

    Raises:
        ValueError: there is no such format.
    """
    if format_ not in FORMATS:
        raise ValueError(f"The formats are {', '.join(FORMATS)}, not {format_!r}.")
    conditions = {name: str(value) for name, value in asdict(chosen).items() if value}
    entry = note(
        AuditEntry.Action.EXPORTED,
        object_type="auditentry",
        object_name="audit log",
        tenant_id=chosen.tenant_id,
        details={"format": format_, **conditions, **(asked or {})},
    )
    found = search(AuditEntry.objects.all() if rows is None else rows, chosen).filter(id__lt=entry.pk).order_by("id")
    return _in_pieces(_csv(found) if format_ == "csv" else _json_lines(found))


def _in_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Lines together, so that sending costs little a line and the whole is never in memory."""
    waiting, length = [], 0
    for line in lines:
        waiting.append(line)
        length += len(line)
        if length >= _PIECE:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)


def _values(entry: AuditEntry) -> dict[str, Any]:
    values = {column: getattr(entry, column) for column in COLUMNS}
    at: datetime = values["at"]
    return {**values, "at": at.astimezone(UTC).isoformat(timespec="microseconds")}


def _json_lines(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    for entry in _entries(rows):
        yield json.dumps(_values(entry), ensure_ascii=False) + "\n"


def _csv(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for entry in _entries(rows):
        values = _values(entry)
        for column in ("before", "after"):
            values[column] = canonical_json(values[column]).decode()
        yield _csv_line([safe_cell(value) for value in values.values()])


def _csv_line(cells: Iterable[str]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def _entries(rows: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """Page by page: a slow reader holds neither a transaction nor a cursor."""
    after = 0
    while True:
        with across_tenants("whoever exports was asked for the tenant, or may read the whole log"):
            page = list(rows.filter(id__gt=after)[:_CHUNK])
        yield from page
        if len(page) < _CHUNK:
            return
        after = page[-1].pk
