"""The explorer's table: runs of the range that fit the filters, newest first, found in bounded time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import msgspec

from console.tables import Column, Empty, RowPage, Table
from console.tables.filters import Chip
from console.timerange import TimeRange, time_range
from events.models import Run
from events.run_search import FoundRuns, Place, Runs, find_runs
from events.traffic.measures import PLATFORM
from gateway.pages.request_columns import COLUMNS, chosen
from gateway.pages.request_filters import RunFilter, text_in
from gateway.pages.run_names import name_runs

DEFAULT_RANGE = "24h"


class RequestTable(Table):
    """Sorting is by time alone: what is slowest or dearest is found with the filters for latency and cost."""

    name = "requests"
    caption, noun = "Requests", "request"
    columns = COLUMNS
    search = ("correlation_id",)
    search_hint = "Id, error or text"
    filterset = RunFilter
    quick_filters = ("status", "route", "model")
    kept = ("range", "from", "to")
    keyset_field = "started_at"
    exportable = True
    empty = Empty(
        "list-search",
        "No requests in this time",
        "Calls appear here within a second of being answered. Choose a longer time above, or make a first call.",
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """Those that the viewer chose and may see."""
        return chosen(self.request, self.workspace)

    def row_url(self, row: Run) -> str:
        """The run's page."""
        return self.workspace.url("run", run=row.correlation_id)

    # --- what is looked for ---------------------------------------------------------------------------

    @cached_property
    def range(self) -> TimeRange:
        """When the calls began."""
        return time_range(self.request, DEFAULT_RANGE)

    @property
    def filters(self) -> RunFilter:
        """The bound filters."""
        bound = self.bound_filters
        assert isinstance(bound, RunFilter)
        return bound

    @cached_property
    def valid(self) -> bool:
        """Whether every filter says something that can be looked for."""
        return self.filters.is_valid()

    @property
    def wrong(self) -> list[str]:
        """What cannot be looked for, in words."""
        form = self.filters.form
        return [f"{form.fields[name].label}: {error}" for name, errors in form.errors.items() for error in errors]

    @cached_property
    def runs(self) -> Runs:
        """What an index narrows down: the runs of one tenant, or all."""
        tenant = self.filters.tenant_id if self.valid and self.request.GET.get("tenant") else ""
        return self.all_rows.filter(tenant_id=tenant) if tenant else self.all_rows

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters that are set; none of one that says nothing."""
        return super().chips

    @cached_property
    def narrowed(self) -> bool:
        """Whether anything but the time is asked for."""
        return bool(self.chips)

    @property
    def traffic_scope(self) -> str:
        """Whose traffic it is that the table lists all of; empty where anything else narrows it."""
        if self.query or len(self.chips) > bool(self.filters.tenant_id):
            return ""
        return self._tenant_id or PLATFORM

    def narrow(self, runs: Runs, low: datetime, top: datetime) -> Runs:
        """Those of a window that fit the filters and the search."""
        found = self.filters.narrow(runs)
        if self.query:
            found = found.filter(
                text_in(self.query, tenant_id=self._tenant_id, payloads=self._texts, start=low, end=top)
            )
        return found

    @property
    def _tenant_id(self) -> str | None:
        tenant = getattr(self.workspace, "tenant", None)
        return str(tenant.pk) if tenant is not None else self.filters.tenant_id or None

    @property
    def _texts(self) -> bool:
        return self.workspace.may("view_payloads")

    # --- the rows ------------------------------------------------------------------------------------

    @cached_property
    def result(self) -> FoundRuns:
        """One page of runs."""
        if not self.valid:
            return FoundRuns([], None, None)
        return self.find(place_of(self.request.GET.get("after")), self.page_size)

    @property
    def find(self) -> partial[FoundRuns]:
        """``find(after, size)``: pages of what is looked for."""
        return partial(_find, self)

    @cached_property
    def page(self) -> RowPage:
        """As the kit's template shows it."""
        found = self.result
        name_runs(found.runs, self.workspace)  # type: ignore[arg-type]
        after = cursor_of(found.after) if found.after else ""
        return RowPage(found.runs, after=after, first=not self.request.GET.get("after"))

    @property
    def looked_back_to(self) -> datetime | None:
        """Set where not the whole range was looked at yet."""
        return self.result.looked_back_to

    @property
    def jsonl_url(self) -> str:
        """The same requests, one JSON object a line."""
        return self.export_url.replace("format=csv", "format=jsonl")


def _find(table: RequestTable, after: Place | None, size: int) -> FoundRuns:
    return find_runs(
        table.runs,
        table.narrow if table.narrowed else None,
        start=table.range.start,
        end=table.range.end,
        after=after,
        size=size,
    )


def cursor_of(place: Place) -> str:
    """The place, for a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode([place.started_at, place.correlation_id])).decode().rstrip("=")


def place_of(cursor: str | None) -> Place | None:
    """What the cursor says; None for one that is none."""
    if not cursor:
        return None
    try:
        padded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        started_at, correlation_id = msgspec.json.decode(padded, type=tuple[datetime, str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    if started_at.tzinfo is None or "\x00" in correlation_id:
        return None
    return Place(started_at, correlation_id)


def shown_names(table: RequestTable) -> Sequence[Any]:
    """Names of the columns that are shown."""
    return [column.name for column in table.visible]
