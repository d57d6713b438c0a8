"""The explorer's rows as a file: CSV with the chosen columns, or JSON lines with everything a run has."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from events.models import Run, RunState
from events.run_search import Place
from gateway.pages.request_table import RequestTable
from gateway.pages.run_names import name_runs
from tenants.audit import AuditEntry
from tenants.audit_log import note

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
MOST_EXPORTED = 200_000
"""Requests of a file at most."""
_BATCH = 1_000
_FIELDS = tuple(field.attname for field in Run._meta.concrete_fields if field.attname != "cost_nanousd")


class _Line:
    def write(self, line: str) -> str:
        return line


def exported(table: RequestTable, request: HttpRequest) -> StreamingHttpResponse:
    """All that fits, up to :data:`MOST_EXPORTED`, read and sent batch by batch; noted in the audit log."""
    format_ = request.GET["format"]
    workspace: Any = table.workspace
    note(
        AuditEntry.Action.EXPORTED,
        object_type="run",
        object_name="requests",
        tenant_id=workspace.tenant.pk if workspace.tenant is not None else None,
        details={"format": format_, "from": table.range.start.isoformat(), "to": table.range.end.isoformat()},
    )
    write = _csv(table) if format_ == "csv" else _jsonl(table)
    batches = _batches(table)

    def pieces() -> Iterator[str]:
        yield write(None)
        for runs in batches:
            yield write(runs)

    async def pieces_unblocked() -> AsyncIterator[str]:
        # Each batch is read on a thread: the loop serves others meanwhile, and nothing is collected in memory.
        yield write(None)
        while (runs := await sync_to_async(_next)(batches)) is not None:
            yield write(runs)

    streamed = pieces_unblocked() if isinstance(request, ASGIRequest) else pieces()
    response = StreamingHttpResponse(streamed, content_type=FORMATS[format_])
    name = f"requests-{timezone.now():%Y%m%d-%H%M}.{format_}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _next(batches: Iterator[list[Run]]) -> list[Run] | None:
    return next(batches, None)


def _batches(table: RequestTable) -> Iterator[list[Run]]:
    """Pages of what is looked for, until nothing is left or enough was sent."""
    workspace: Any = table.workspace
    after: Place | None = None
    sent = 0
    while table.valid and sent < MOST_EXPORTED:
        with across_tenants("operators export all tenants' runs") if workspace.is_platform else nullcontext():
            found = table.find(after, min(_BATCH, MOST_EXPORTED - sent))
            name_runs(found.runs, workspace)
        if found.runs:
            yield found.runs
        sent += len(found.runs)
        after = found.after
        if after is None:
            return


def _csv(table: RequestTable) -> Callable[[list[Run] | None], str]:
    writer = csv.writer(_Line())
    columns = [column for column in table.visible if column.export]

    def write(runs: list[Run] | None) -> str:
        if runs is None:
            return str(writer.writerow([column.name for column in columns]))
        return "".join(writer.writerow([column.exported(run) for column in columns]) for run in runs)

    return write


def _jsonl(table: RequestTable) -> Callable[[list[Run] | None], str]:
    costs = table.workspace.may("view_costs")

    def write(runs: list[Run] | None) -> str:
        return "".join(f"{msgspec.json.encode(_plain(run, costs)).decode()}\n" for run in runs or ())

    return write


def _plain(run: Run, costs: bool) -> dict[str, Any]:
    plain = {name: getattr(run, name) for name in _FIELDS}
    plain["state"] = RunState(run.state).label
    if costs:
        plain["cost_nanousd"] = run.cost_nanousd
    return plain
