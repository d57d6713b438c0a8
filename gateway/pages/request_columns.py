"""The explorer's columns, and which of them a viewer has chosen (kept in a cookie)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from console.tables import Column
from console.workspace import PageWorkspace
from events.models import Run, RunState

COOKIE = "request-columns"
COOKIE_AGE_S = 365 * 86_400


def _state(run: Run) -> str:
    return RunState(run.state).label


def _tags(run: Run) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted((run.tags or {}).items()))


def _tokens(run: Run) -> int | None:
    return None if run.input_tokens is None else run.input_tokens + (run.output_tokens or 0)


COLUMNS = (
    Column("started_at", "Time", template="console/requests/_time.html", primary=True),
    Column("status", "Status", accessor=_state, template="console/requests/_status.html"),
    Column("tenant", "Tenant", accessor="tenant_name", template="console/requests/_tenant.html"),
    Column("route", "Route, model", template="console/requests/_target.html"),
    Column("duration_ms", "Latency", "ms", help="From the request's last byte to the answer's last byte"),
    Column("first_token_ms", "First token", "ms", phone=False, help="Until the answer began; streamed calls only"),
    Column(
        "tokens",
        "Tokens",
        "tokens",
        accessor=_tokens,
        template="console/requests/_tokens.html",
        help="Input, then output",
    ),
    Column("cost_nanousd", "Cost", "money"),
    Column("key", "Key and user", accessor="key_name", template="console/requests/_caller.html"),
    Column("tags", "Tags", accessor=_tags, template="console/requests/_tags.html", phone=False),
    Column("provider", "Provider", phone=False),
    Column("model", "Model", phone=False),
    Column("requested_model", "Asked for", phone=False, help="What the caller put in “model”"),
    Column("end_user", "End user", phone=False),
    Column("endpoint", "Endpoint", "code", phone=False),
    Column("stream", "Streamed", accessor=lambda run: "Yes" if run.stream else "No", phone=False),
    Column("attempts", "Attempts", "number", phone=False),
    Column("fallback_used", "Fallback", accessor=lambda run: "Yes" if run.fallback_used else "No", phone=False),
    Column("overhead_ms", "Overhead", "ms", phone=False, help="What the gateway itself took"),
    Column("input_tokens", "Input", "tokens", phone=False, help="Input tokens"),
    Column("output_tokens", "Output", "tokens", phone=False, help="Output tokens"),
    Column("cached_input_tokens", "Cached input", "tokens", phone=False),
    Column("reasoning_tokens", "Reasoning", "tokens", phone=False),
    Column("finish_reason", "Finish reason", phone=False),
    Column("http_status", "HTTP", "number", phone=False),
    Column("error_code", "Error code", "code", phone=False),
    Column("correlation_id", "Correlation id", "code", phone=False),
    Column("trace_id", "Trace id", "code", phone=False),
)
FIRST = (
    "started_at",
    "status",
    "tenant",
    "route",
    "duration_ms",
    "first_token_ms",
    "tokens",
    "cost_nanousd",
    "key",
)
"""Shown to who has not chosen."""


def available(workspace: PageWorkspace) -> tuple[Column, ...]:
    """The columns that make sense here and may be seen."""
    hidden = set[str]()
    if not workspace.is_platform:
        hidden.add("tenant")
    if not workspace.may("view_costs"):
        hidden.add("cost_nanousd")
    return tuple(column for column in COLUMNS if column.name not in hidden)


def chosen_names(request: HttpRequest) -> tuple[str, ...]:
    """What the cookie says, the time always among them."""
    known = {column.name for column in COLUMNS}
    names = tuple(name for name in request.COOKIES.get(COOKIE, "").split(".") if name in known)
    return ("started_at", *names) if names else FIRST


def chosen(request: HttpRequest, workspace: PageWorkspace) -> tuple[Column, ...]:
    """The columns to show, in the table's order."""
    names = set(chosen_names(request))
    return tuple(column for column in available(workspace) if column.name in names)


def keep(response: Any, names: list[str]) -> None:
    """Remember the choice in the viewer's browser; nothing chosen is the first choice again."""
    known = [column.name for column in COLUMNS if column.name in names]
    if known and set(known) != set(FIRST):
        response.set_cookie(COOKIE, ".".join(known), max_age=COOKIE_AGE_S, samesite="Lax", httponly=True)
    else:
        response.delete_cookie(COOKIE)
