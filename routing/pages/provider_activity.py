"""What providers did lately, from their attempts: calls, failures, latencies, and what they cost.

Attempts are told apart by target, and so by provider whoever owns it; names are not unique between owners.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from events.ledger.grains import Grain, Piece, ceil_quarter, floor_quarter, pieces
from events.ledger.margins import Margin
from events.ledger.reading import one_snapshot
from events.models import EventRecord
from routing.models import Model, Target

WINDOW: Final = timedelta(hours=1)
BUCKET_S: Final = 150
"""Twenty-four points in the hour."""
MOST_ATTEMPTS: Final = 12_000
"""Looked at for one question. A busier stretch is sampled: of each of :data:`SLOTS` parts of it the latest attempts,
which count for the whole part."""
SLOTS: Final = 240
MOST_ERRORS: Final = 5_000

_ATTEMPTS: Final = """
WITH latest AS MATERIALIZED (
    SELECT b.slot, a.* FROM generate_series(0, %(slots)s - 1) AS b (slot) CROSS JOIN LATERAL (
        SELECT payload->>'target_id' AS target_id, event_type = 'llm.attempt.failed' AS failed, occurred_at,
            (payload->>'duration_ms')::float AS duration_ms
        FROM events_event
        WHERE event_type IN ('llm.attempt.completed', 'llm.attempt.failed') {tenant}
            AND occurred_at >= %(since)s + b.slot * %(width)s * interval '1 second'
            AND occurred_at < %(since)s + (b.slot + 1) * %(width)s * interval '1 second'
        ORDER BY occurred_at DESC LIMIT %(most)s
    ) a
), weighed AS (
    SELECT slot, count(*) >= %(most)s AS sampled, CASE WHEN count(*) < %(most)s THEN 1.0 ELSE %(width)s / greatest(
        extract(epoch FROM %(since)s + (slot + 1) * %(width)s * interval '1 second' - min(occurred_at))::float, 0.001
    ) END AS weight
    FROM latest GROUP BY slot
)
SELECT t.provider_id, l.slot / %(share)s AS bucket, round(sum(w.weight))::bigint,
    COALESCE(round(sum(w.weight) FILTER (WHERE l.failed)), 0)::bigint,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY l.duration_ms) FILTER (WHERE NOT l.failed),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY l.duration_ms) FILTER (WHERE NOT l.failed),
    bool_or(w.sampled)
FROM latest l JOIN weighed w USING (slot)
JOIN unnest(%(targets)s::text[], %(providers)s::text[]) AS t (target_id, provider_id) USING (target_id)
GROUP BY GROUPING SETS ((t.provider_id), (t.provider_id, l.slot / %(share)s))
"""


@dataclass(slots=True)
class Activity:
    """One provider's last hour; latencies in ms, of attempts that were answered."""

    calls: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    sampled: bool = False
    """Whether counts are estimated from a part of the attempts."""
    calls_by_bucket: list[int] = field(default_factory=list)
    failed_by_bucket: list[int] = field(default_factory=list)
    p50_by_bucket: list[float | None] = field(default_factory=list)
    p95_by_bucket: list[float | None] = field(default_factory=list)

    @property
    def error_rate(self) -> float | None:
        """The share of attempts that failed; None without any."""
        return self.failed / self.calls if self.calls else None


def targets_by_provider(provider_ids: Sequence[uuid.UUID]) -> dict[str, str]:
    """The provider by target, as attempts name targets: by a route's target, or by a model called directly."""
    targets = Target.objects.filter(model__provider__in=provider_ids).values_list("pk", "model__provider_id")
    models = Model.objects.filter(provider__in=provider_ids).values_list("pk", "provider_id")
    return {str(pk): str(provider_id) for rows in (targets, models) for pk, provider_id in rows}


def buckets(since: datetime, until: datetime, step_s: int = BUCKET_S) -> list[datetime]:
    """When the points of the series begin."""
    count = max(1, int((until - since).total_seconds() // step_s))
    return [since + timedelta(seconds=step_s * number) for number in range(count)]


def activity(
    targets: Mapping[str, str],
    *,
    tenant_id: str | None,
    since: datetime | None = None,
    until: datetime | None = None,
    step_s: int = BUCKET_S,
) -> dict[str, Activity]:
    """By provider; ``targets`` as :func:`targets_by_provider`. ``tenant_id`` narrows to one tenant's attempts."""
    end = until or timezone.now()
    begin = since or end - WINDOW
    points = len(buckets(begin, end, step_s))
    found = {provider_id: _empty(points) for provider_id in set(targets.values())}
    if not targets:
        return found
    share = max(1, SLOTS // points)
    parameters: dict[str, Any] = {
        "since": begin,
        "slots": points * share,
        "share": share,
        "width": step_s / share,
        "most": max(1, MOST_ATTEMPTS // (points * share)),
        "targets": list(targets),
        "providers": list(targets.values()),
        "tenant": tenant_id,
    }
    with one_snapshot(), connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS.format(tenant="" if tenant_id is None else "AND tenant_id = %(tenant)s"), parameters)
        for provider_id, bucket, *figures in cursor.fetchall():
            _note(found[provider_id], bucket, figures, points)
    return found


def _empty(points: int) -> Activity:
    return Activity(
        calls_by_bucket=[0] * points,
        failed_by_bucket=[0] * points,
        p50_by_bucket=[None] * points,
        p95_by_bucket=[None] * points,
    )


def _note(one: Activity, bucket: int | None, figures: Sequence[Any], points: int) -> None:
    calls, failed, p50_ms, p95_ms, sampled = figures
    if bucket is None:
        one.calls, one.failed, one.p50_ms, one.p95_ms, one.sampled = calls, failed, p50_ms, p95_ms, sampled
    elif 0 <= bucket < points:
        one.calls_by_bucket[bucket], one.failed_by_bucket[bucket] = calls, failed
        one.p50_by_bucket[bucket], one.p95_by_bucket[bucket] = p50_ms, p95_ms


def errors_by_kind(targets: Sequence[str], *, tenant_id: str | None, since: datetime) -> list[dict[str, Any]]:
    """Failed attempts by their code: how many, when the last one was, and its words; the most frequent first."""
    found: dict[str, dict[str, Any]] = {}
    wanted = set(targets)
    rows = _events("llm.attempt.failed", tenant_id).filter(occurred_at__gte=since).order_by("-occurred_at")
    for at, payload in rows.values_list("occurred_at", "payload")[:MOST_ERRORS]:
        if payload.get("target_id") not in wanted:
            continue
        code = payload.get("error_code", "")
        kind = found.setdefault(code, {"code": code, "count": 0, "last_at": at, **_words(payload)})
        kind["count"] += 1
    return sorted(found.values(), key=lambda kind: -kind["count"])


def _words(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message": payload.get("error_message", ""),
        "status": payload.get("upstream_status"),
        "model": payload.get("model", ""),
    }


def breaker_changes(targets: Sequence[str], *, since: datetime, most: int = 40) -> list[dict[str, Any]]:
    """The latest changes of these targets' circuits, newest first. They are nobody's: circuits serve all tenants."""
    wanted = set(targets)
    rows = _events("breaker.state.changed", "").filter(occurred_at__gte=since).order_by("-occurred_at")
    found: list[dict[str, Any]] = []
    for at, payload in rows.values_list("occurred_at", "payload")[:MOST_ERRORS]:
        if payload.get("target_id") in wanted:
            found.append({"at": at, **payload})
            if len(found) == most:
                break
    return found


def last_test(provider_id: str, *, tenant_id: str, since: datetime) -> dict[str, Any] | None:
    """What the latest test call came to; None when there was none."""
    rows = _events("provider.test.completed", tenant_id).filter(
        occurred_at__gte=since, payload__provider_id=provider_id
    )
    row = rows.order_by("-occurred_at").values_list("occurred_at", "payload").first()
    return None if row is None else {"at": row[0], **row[1]}


def _events(event_type: str, tenant_id: str | None) -> QuerySet[EventRecord]:
    rows = EventRecord.objects.filter(event_type=event_type)
    return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


def spent_today(names: Sequence[str], *, tenant_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Nano-USD since midnight in the viewer's zone, by the provider's name and then by tenant."""
    now = timezone.localtime()
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    cut = pieces(floor_quarter(_ms(start)), ceil_quarter(_ms(now)), (Grain.HOUR, Grain.QUARTER))
    if not names or not cut or not tenant_ids:
        return {}
    parameters: dict[str, Any] = {"names": list(names), "tenants": list(tenant_ids)}
    times = " OR ".join(_within(number, piece, parameters) for number, piece in enumerate(cut))
    statement = (
        "SELECT m.part, m.tenant_id, sum(m.cost_nanousd)::bigint"  # noqa: S608 - constants
        " FROM unnest(%(tenants)s::text[]) t (id) JOIN events_usage_margin m ON m.tenant_id = t.id"
        f" WHERE m.kind = {Margin.PROVIDER.value} AND m.part = ANY(%(names)s) AND ({times}) GROUP BY 1, 2"
    )
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for name, tenant_id, nanousd in cursor.fetchall():
            found.setdefault(name, {})[tenant_id] = nanousd
    return found


def _within(number: int, piece: Piece, parameters: dict[str, Any]) -> str:
    parameters[f"from{number}"] = datetime.fromtimestamp(piece.start_ms / 1000, UTC)
    parameters[f"to{number}"] = datetime.fromtimestamp(piece.end_ms / 1000, UTC)
    return f"(m.grain = {piece.grain.value} AND m.start >= %(from{number})s AND m.start < %(to{number})s)"


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
