"""Runs, events and quarantined lines, to search and read. Nothing here can be changed."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    AllValuesCheckboxFilter,
    ChoicesCheckboxFilter,
    FieldTextFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
)
from unfold.decorators import display as badge

from contracts.events import payload_types
from events.models import EventRecord, QuarantinedEvent, Run, RunState
from events.selectors import events_of_run

STATES = {
    RunState.RUNNING.label: "info",
    RunState.LOST.label: "warning",
    RunState.REJECTED.label: "warning",
    RunState.COMPLETED.label: "success",
    RunState.FAILED.label: "danger",
}
REQUEST_FIELDS = (
    "endpoint",
    "operation",
    "mode",
    "requested_model",
    "key_id",
    "team_id",
    "end_user",
    "tags",
    "stream",
)
ANSWER_FIELDS = (
    "route",
    "target",
    "finish_reason",
    "error_code",
    "error_message",
    "http_status",
    "fallback_used",
    "degraded",
    "attempts",
)
FIGURE_FIELDS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "usage_estimated",
    "cost",
    "show_duration",
    "overhead_ms",
    "first_token_ms",
)
EVENT_ROW = '<tr><td class="pr-6">+{} ms</td><td class="pr-6"><a href="{}">{}</a></td><td><code>{}</code></td></tr>'
MAX_COUNT = 5_000
"""Pages are counted up to here: an exact count would read the whole table on every visit."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most ``MAX_COUNT`` rows."""

    @cached_property
    def count(self) -> int:
        """Rows, or ``MAX_COUNT`` where there are more."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:MAX_COUNT].count()


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows written by the collector only."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_filter_submit = True
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class EventTypeFilter(admin.SimpleListFilter):
    """By type: the known ones, without asking the table which occur."""

    title = "event type"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in payload_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Calls, newest first."""

    list_display = (
        "started_at",
        "show_state",
        "correlation_id",
        "route",
        "target",
        "tokens",
        "cost",
        "show_duration",
        "attempts",
        "error_code",
        "tenant_id",
    )
    list_display_links = ("started_at", "correlation_id")
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("started_at", RangeDateTimeFilter),
        ("tenant_id", FieldTextFilter),
        ("route", FieldTextFilter),
        ("provider", FieldTextFilter),
        ("error_code", FieldTextFilter),
        ("duration_ms", RangeNumericFilter),
    )
    search_fields = ("correlation_id__exact",)
    search_help_text = "Correlation id"
    fieldsets = (
        (None, {"fields": ("correlation_id", "show_state", "trace_id", "tenant_id", "started_at", "ended_at")}),
        ("Request", {"fields": REQUEST_FIELDS}),
        ("Answer", {"fields": ANSWER_FIELDS}),
        ("Figures", {"fields": FIGURE_FIELDS}),
        ("Events", {"fields": ("show_events",)}),
    )

    @badge(description="State", ordering="state", label=STATES)
    def show_state(self, run: Run) -> str:
        return RunState(run.state).label

    @admin.display(description="Target")
    def target(self, run: Run) -> str:
        return f"{run.provider}/{run.model}" if run.provider else "–"

    @admin.display(description="Tokens in / out")
    def tokens(self, run: Run) -> str:
        return "–" if run.input_tokens is None else f"{run.input_tokens:,} / {run.output_tokens or 0:,}"

    @admin.display(description="Cost", ordering="cost_nanousd")
    def cost(self, run: Run) -> str:
        return "–" if run.cost_nanousd is None else f"${run.cost_nanousd / 1e9:.6f}"

    @admin.display(description="Duration", ordering="duration_ms")
    def show_duration(self, run: Run) -> str:
        return "–" if run.duration_ms is None else f"{run.duration_ms:,.1f} ms"

    @admin.display(description="Events")
    def show_events(self, run: Run) -> SafeString:
        rows = [
            format_html(
                EVENT_ROW,
                f"{(event.occurred_at - run.started_at).total_seconds() * 1000:.1f}",
                reverse("admin:events_eventrecord_change", args=[event.pk]),
                event.event_type,
                msgspec.json.encode(event.payload).decode()[:300],
            )
            for event in events_of_run(run.tenant_id, run.correlation_id)
        ]
        return format_html("<table>{}</table>", format_html_join("", "{}", ((row,) for row in rows)))


@admin.register(EventRecord)
class EventRecordAdmin(ReadOnlyAdmin):
    """Events, newest first."""

    list_display = ("occurred_at", "event_type", "run", "tenant_id", "layer", "service_name", "summary")
    list_filter = (EventTypeFilter, ("occurred_at", RangeDateTimeFilter), ("tenant_id", FieldTextFilter))
    search_fields = ("correlation_id__exact",)
    search_help_text = "Correlation id"
    fields = (
        "event_id",
        "occurred_at",
        "event_type",
        "schema_version",
        "layer",
        "service_name",
        "env",
        "tenant_id",
        "trace_id",
        "span_id",
        "run",
        "content",
    )

    @admin.display(description="Run")
    def run(self, event: EventRecord) -> str | SafeString:
        if not event.correlation_id:
            return "–"
        url = reverse("admin:events_run_change", args=[event.correlation_id])
        return format_html('<a href="{}">{}</a>', url, event.correlation_id)

    @admin.display(description="Payload")
    def summary(self, event: EventRecord) -> str:
        return msgspec.json.encode(event.payload).decode()[:120]

    @admin.display(description="Payload")
    def content(self, event: EventRecord) -> SafeString:
        text = msgspec.json.format(msgspec.json.encode(event.payload), indent=2).decode()
        return format_html("<pre>{}</pre>", text)


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(ReadOnlyAdmin):
    """What came over the bus and could not be kept as an event."""

    list_display = ("received_at", "reason", "short_detail", "source")
    list_filter = (("reason", AllValuesCheckboxFilter), ("received_at", RangeDateTimeFilter))
    fields = ("digest", "received_at", "reason", "detail", "source", "content")

    @admin.display(description="Detail")
    def short_detail(self, row: QuarantinedEvent) -> str:
        return row.detail[:120]

    @admin.display(description="Line")
    def content(self, row: QuarantinedEvent) -> SafeString:
        return format_html("<pre>{}</pre>", bytes(row.line).decode("utf-8", "replace"))
