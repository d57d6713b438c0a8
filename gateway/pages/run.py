"""The page of one call: what it was, where it went and why, what it cost, what was said."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.generic import TemplateView

from console import formats
from console.times import time_tag
from events.models import EventRecord, Run, RunState
from events.selectors import events_of_run
from gateway.pages.run_content import answer_headers, content_of, curl_of
from gateway.pages.run_grounding import DocumentUrl, grounding_of
from gateway.pages.run_kept import alike_of
from gateway.pages.run_names import name_runs
from gateway.pages.run_story import story_of
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

NEARBY = timedelta(hours=1)
"""Neighbours are looked for so far before and after the call."""
MOST_NEIGHBOURS = 6
SESSION_TAGS = ("session", "session_id", "conversation", "conversation_id", "thread")


def run_in(workspace: Workspace, correlation_id: str) -> Run:
    """The run, with its names.

    Raises:
        Http404: the workspace has no such run.
    """
    if "\x00" in correlation_id:
        raise Http404("There is no such request.")
    run = workspace.scope(Run.objects.all()).filter(pk=correlation_id).first()
    if run is None:
        raise Http404("There is no such request. It may be past its retention, or have begun a moment ago.")
    name_runs([run], workspace)
    return run


def tenant_of(workspace: Workspace, run: Run) -> Tenant | None:
    """Whose the run is; None where the tenant is gone."""
    if workspace.tenant is not None:
        return workspace.tenant
    try:
        return Tenant.objects.filter(pk=UUID(run.tenant_id)).first()
    except ValueError:
        return None


class RunPage(WorkspacePage, TemplateView):
    """One call; the part that changes while it runs is read anew as its events arrive."""

    permission: ClassVar[str] = TenantPermission.VIEW_RUNS

    def get_template_names(self) -> list[str]:
        """The part that changes alone, where htmx swaps it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        return ["console/requests/_run.html" if htmx and htmx.target == "run" else "console/requests/run.html"]

    @cached_property
    def run(self) -> Run:
        """The call."""
        return run_in(self.workspace, self.kwargs["run"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Everything that is known of the call, in six queries."""
        run, workspace = self.run, self.workspace
        events = events_of_run(run.tenant_id, run.correlation_id)
        tenant = tenant_of(workspace, run)
        may_read = workspace.may(TenantPermission.VIEW_PAYLOADS)
        content = content_of(run, events, tenant, may_read=may_read)
        costs = workspace.may(TenantPermission.VIEW_COSTS)
        return {
            **super().get_context_data(**kwargs),
            "run": run,
            "running": run.state == RunState.RUNNING,
            "story": story_of(run, events, timezone.now()),
            "content": content,
            "grounding": grounding_of(events, content.answer, document_urls(workspace)),
            "settings_url": settings_url(workspace, tenant) if content.change else "",
            "may_see_costs": costs,
            "alike": alike_of(events, tenant, workspace),
            "facts": facts_of(run, workspace),
            "tokens": token_facts(run),
            "headers": answer_headers(run, costs=costs),
            "curl": curl_of(run, content.input, self.request.build_absolute_uri("/").rstrip("/")),
            "events": [_raw(event, run.started_at, may_read) for event in events],
            "neighbours": neighbours_of(run, workspace),
            "may_replay": may_replay(workspace, run) and content.input is not None,
            "replay_refused": replay_refused(workspace, run, content.input),
        }


def document_urls(workspace: Workspace) -> DocumentUrl:
    """Where cited characters of documents are shown; nowhere for who may not read documents."""

    def url_of(document_id: str, start: int, end: int) -> str:
        try:
            page = workspace.url("document", pk=UUID(document_id))
        except (ValueError, NoReverseMatch):
            return ""
        return f"{page}?at={start}-{end}"

    return url_of if workspace.may(TenantPermission.VIEW_DOCUMENTS) else lambda *_: ""


def may_replay(workspace: Workspace, run: Run) -> bool:
    """Whether the viewer may make the call once more: it spends money, and shows what was said."""
    return workspace.may(TenantPermission.MANAGE_KEYS) and workspace.may(TenantPermission.VIEW_PAYLOADS)


def replay_refused(workspace: Workspace, run: Run, given: Any) -> str:
    """Why the call cannot be made once more; empty where it can."""
    if not may_replay(workspace, run):
        return "Your role does not allow you to make calls from here."
    return "" if given is not None else "Nothing is kept of what was asked, so it cannot be asked again."


def settings_url(workspace: Workspace, tenant: Tenant | None) -> str:
    """Where what is kept can be changed; empty for who may not."""
    if tenant is None or not workspace.may(TenantPermission.CHANGE_SETTINGS):
        return ""
    for name in ("settings", "settings-data", "data-protection"):
        try:
            return Workspace(workspace.user, tenant).url(name)
        except NoReverseMatch:
            continue
    return reverse("admin:tenants_tenant_change", args=[tenant.pk]) if workspace.is_platform else ""


def facts_of(run: Run, workspace: Workspace) -> list[tuple[str, Any]]:
    """Names and values for the header."""
    named: Any = run
    filtered = workspace.url("requests")
    tenant: Any = named.tenant_name
    if workspace.is_platform and named.tenant_slug:
        inside = reverse("portal:run", kwargs={"tenant": named.tenant_slug, "run": run.correlation_id})
        tenant = format_html('<a href="{}">{}</a>', inside, named.tenant_name)
    rows: list[tuple[str, Any]] = [
        ("Began", time_tag(run.started_at, "both")),
        ("Tenant", tenant if workspace.is_platform else None),
        ("API key", _linked(filtered, "key", run.key_id, named.key_name)),
        ("End user", _linked(filtered, "user", run.end_user, run.end_user)),
        ("Endpoint", format_html("<code>{}</code>", run.endpoint) if run.endpoint else None),
        ("Asked for", run.requested_model),
        ("Route", _linked(filtered, "route", run.route, run.route)),
        ("Provider", _linked(filtered, "provider", run.provider, run.provider)),
        ("Model", _linked(filtered, "model", run.model, run.model)),
        ("Streamed", None if run.stream is None else "Yes" if run.stream else "No"),
        ("Finish reason", run.finish_reason),
        ("Gateway's own time", formats.duration(run.overhead_ms) if run.overhead_ms is not None else None),
    ]
    return [(name, value) for name, value in rows if value not in (None, "")]


def _linked(page: str, parameter: str, value: str | None, label: str | None) -> SafeString | None:
    return format_html('<a href="{}?{}={}">{}</a>', page, parameter, value, label) if value else None


def token_facts(run: Run) -> list[tuple[str, str]]:
    """Tokens by kind; those of which there are none are left out."""
    counts = (
        ("Input", run.input_tokens),
        ("from the provider's cache", run.cached_input_tokens),
        ("written to its cache", run.cache_write_tokens),
        ("Output", run.output_tokens),
        ("of it reasoning", run.reasoning_tokens),
    )
    return [(name, formats.tokens(count)) for name, count in counts if count]


def neighbours_of(run: Run, workspace: Workspace) -> list[tuple[str, str, list[Run]]]:
    """(what they share, where all of them are, the nearest in time) of calls around this one. One query each."""
    around = Run.objects.filter(
        tenant_id=run.tenant_id, started_at__gte=run.started_at - NEARBY, started_at__lte=run.started_at + NEARBY
    ).exclude(pk=run.pk)
    page, found = workspace.url("requests"), []
    for title, condition, query in _shared(run):
        runs = list(around.filter(condition).order_by("-started_at")[:MOST_NEIGHBOURS])
        if runs:
            found.append((title, f"{page}?{query}&{_range(run.started_at)}", runs))
    return found


def _shared(run: Run) -> list[tuple[str, Q, str]]:
    shared = [("Same trace", Q(trace_id=run.trace_id), urlencode({"trace": run.trace_id}))] if run.trace_id else []
    for name in SESSION_TAGS:
        value = (run.tags or {}).get(name)
        if value:
            query = urlencode({"tag": f"{name}={value}"})
            shared.append(("Same session", Q(tags__contains={name: value}), query))
            break
    if run.end_user:
        shared.append(("Same end user", Q(end_user=run.end_user), urlencode({"user": run.end_user})))
    return shared


def _range(moment: datetime) -> str:
    return f"from={moment - NEARBY:%Y-%m-%dT%H:%M:%SZ}&to={moment + NEARBY:%Y-%m-%dT%H:%M:%SZ}"


def _raw(event: EventRecord, began: datetime, may_read: bool) -> dict[str, Any]:
    payload = dict(event.payload)
    for name in ("input", "output"):
        if not may_read and payload.get(name) is not None:
            payload[name] = "kept, but not for your role"
    at_ms = (event.occurred_at - began) / timedelta(milliseconds=1)
    return {
        "type": event.event_type,
        "at": f"+{formats.duration(max(0.0, round(at_ms, 3)))}",
        "when": event.occurred_at,
        "value": {
            "event_id": str(event.event_id),
            "timestamp": event.occurred_at.isoformat(),
            "schema_version": event.schema_version,
            "service_name": event.service_name,
            "span_id": event.span_id,
            "payload": payload,
        },
    }
