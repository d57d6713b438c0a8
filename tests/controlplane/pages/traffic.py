"""Traffic to look at, written straight into its tables: how it gets there has tests of its own."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from events.models import Run, RunState
from events.traffic.grains import Grain
from events.traffic.measures import MEASURES, PLATFORM, Kind, Measured
from events.traffic.parts import SHADOW_BELOW, SHADOW_RIGHT, SHADOW_WRONG, CachePart
from tenants.models import Tenant


def calls(
    tenant: Tenant,
    number: int = 10,
    *,
    ago: timedelta = timedelta(minutes=5),
    route: str = "chat",
    model: str = "gpt-5-mini",
    key: str = "key-1",
    bucket: int = 80,
    refused: int = 0,
    **measures: int,
) -> None:
    """So many calls of one kind in one minute, and refusals because of a limit."""
    at = timezone.now() - ago
    figures = {"requests": number, "duration_us": number * 800_000, "input_tokens": number * 100, **measures}
    scope = str(tenant.pk)
    parts = [(Kind.ALL, ""), (Kind.ROUTE, route), (Kind.MODEL, model), (Kind.KEY, key)]
    if measures.get("errors"):
        _add(scope, Kind.FAILURE, "PROVIDER_TIMEOUT", at, {"requests": measures["errors"]})
    for kind, part in parts:
        _add(scope, kind, part, at, figures)
    _add(PLATFORM, Kind.TENANT, scope, at, figures, only=True)
    if refused:
        _add(scope, Kind.REFUSAL, "RATE_LIMITED", at, {"requests": refused})
    _latency(scope, at, bucket, number)


def _add(scope: str, kind: Kind, part: str, at: datetime, figures: dict[str, int], *, only: bool = False) -> None:
    values = [figures.get(name, 0) for name in MEASURES]
    added = ", ".join(f"{name} = r.{name} + EXCLUDED.{name}" for name in MEASURES)
    with connection.cursor() as cursor:
        for where in {scope} if only else {scope, PLATFORM}:
            for grain in Grain:
                cursor.execute(
                    f"INSERT INTO events_traffic AS r (scope, kind, grain, start, part, {', '.join(MEASURES)})"
                    f" VALUES (%s, %s, %s, %s, %s, {', '.join('%s' for _ in values)})"
                    f" ON CONFLICT (scope, kind, grain, start, part) DO UPDATE SET {added}",
                    [where, kind.value, grain.value, _start(at, grain), part, *values],
                )


def _latency(scope: str, at: datetime, bucket: int, number: int) -> None:
    with connection.cursor() as cursor:
        for where in (scope, PLATFORM):
            for grain in Grain:
                for measured in Measured:
                    cursor.execute(
                        "INSERT INTO events_traffic_latency AS r (scope, grain, start, measured, bucket, calls)"
                        " VALUES (%s, %s, %s, %s, %s, %s)"
                        " ON CONFLICT (scope, grain, start, measured, bucket)"
                        " DO UPDATE SET calls = r.calls + EXCLUDED.calls",
                        [where, grain.value, _start(at, grain), measured.value, bucket, number],
                    )


def _start(at: datetime, grain: Grain) -> datetime:
    second = int(at.timestamp())
    return datetime.fromtimestamp(second - second % grain.width_s, tz=at.tzinfo)


def run(tenant: Tenant, state: RunState = RunState.FAILED, **fields: Any) -> Run:
    """A call that is over."""
    at = timezone.now() - timedelta(minutes=5)
    told = {"error_code": "PROVIDER_TIMEOUT", "error_message": "openai/gpt did not answer within 30 s.", **fields}
    return Run.objects.create(
        correlation_id=f"req_{uuid.uuid4().hex}",
        tenant_id=str(tenant.pk),
        trace_id="0" * 32,
        state=state,
        started_at=at,
        ended_at=at,
        http_status=504,
        **told,
    )


def counted(scope: str, kind: Kind, part: str, at: datetime, **figures: int) -> None:
    """One more of what is counted from events, for the tenant and for all."""
    _add(scope, kind, part, at, {"requests": 1, **figures})


def looked_up(scope: str, route: str = "chat", *, hits: int = 0, missed: int = 0, saved: int = 0) -> None:
    """Lookups of kept answers five minutes ago; each hit saved so many nano-dollars."""
    at = timezone.now() - timedelta(minutes=5)
    if hits:
        figures = {"requests": hits, "cost_nanousd": hits * saved}
        _add(scope, Kind.CACHE, str(CachePart("exact", route)), at, figures)
    if missed:
        _add(scope, Kind.CACHE, str(CachePart("absent", route)), at, {"requests": missed})


def shadowed(scope: str, route: str = "chat", *, right: int = 0, wrong: int = 0, below: int = 0) -> None:
    """Kept answers of five minutes ago that were compared and not given."""
    at = timezone.now() - timedelta(minutes=5)
    for outcome, number in ((SHADOW_RIGHT, right), (SHADOW_WRONG, wrong), (SHADOW_BELOW, below)):
        if number:
            _add(scope, Kind.CACHE, str(CachePart(outcome, route)), at, {"requests": number})
