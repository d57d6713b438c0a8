"""What changed before an incident began and while it went on: deployments, configuration, circuits, providers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.models import Q

from alerting.causes.evidence import Happened
from alerting.causes.rows import Deployment
from console.formats import counted
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry

BEFORE: Final = timedelta(hours=6)
AFTER: Final = timedelta(hours=2)
"""What came later is no cause, however long the incident lasted."""
HALF_LIFE_MINUTES: Final = 30.0
"""What happened half an hour earlier is half as near."""
CONCERNS: Final = 2.0
"""How many times as near something counts that names what explains the change."""
LIKELY: Final = {"deployment": 1.5, "policy": 1.2, "price": 1.2, "configuration": 1.0, "key": 0.8}
MOST: Final = 12
_MOST_READ: Final = 300
_MOST_TARGETS: Final = 5
_NOT_CHANGES: Final = ("read", "exported", "signed_in", "signed_out", "sign_in_failed", "locked_out", "invited")
_KINDS: Final = {
    "policy": ("policy", "policyversion"),
    "price": ("modelprice",),
    "key": ("apikey", "servicekey"),
    "configuration": (
        *("route", "target", "provider", "model", "ratelimit", "budget", "tenant", "team", "routeconfidence"),
        *("goldenset", "gate", "storedsecret"),
    ),
}
_OF_PLATFORM: Final = ("route", "target", "provider", "model", "modelprice", "policy", "policyversion")
"""Of what the platform changes, tenants are told of this, without by whom."""
_KIND_OF: Final = {name: kind for kind, names in _KINDS.items() for name in names}

_WORDS: Final = {
    "policyversion": "policy version",
    "modelprice": "price",
    "apikey": "API key",
    "servicekey": "service key",
    "ratelimit": "rate limit",
    "routeconfidence": "confidence of the route",
    "goldenset": "golden set",
    "storedsecret": "secret",
}


class Around(msgspec.Struct, frozen=True):
    """When, whose, and what explains it."""

    tenant_id: Any
    """None: the platform."""
    began_at: datetime
    until: datetime
    names: frozenset[str]
    """Of segments that are to blame."""
    providers: frozenset[str] = frozenset()
    """That the owner's calls went to."""


def happened(around: Around) -> list[Happened]:
    """The nearest first, by closeness in time and by whether it concerns what explains the change."""
    around = msgspec.structs.replace(around, until=min(around.until, around.began_at + AFTER))
    with across_tenants("what the platform changed concerns its tenants, who are told what and not by whom"):
        found = [*_deployments(around), *_changes(around), *_circuits(around), *_provider_errors(around)]
    return sorted(found, key=lambda one: (-one.score, one.at))[:MOST]


def score_of(kind: str, minutes_before: float, *, concerns: bool) -> float:
    """1 for something at the very minute; what came after the beginning cannot have caused it, and counts a tenth."""
    if minutes_before < 0:
        near = 0.1 * math.exp2(minutes_before / HALF_LIFE_MINUTES)
    else:
        near = math.exp2(-minutes_before / HALF_LIFE_MINUTES)
    return near * LIKELY.get(kind, 1.0) * (CONCERNS if concerns else 1.0)


def _made(around: Around, at: datetime, kind: str, text: str, about: Iterable[str], **more: Any) -> Happened:
    minutes = (around.began_at - at).total_seconds() / 60
    told = " ".join(about).lower()
    concerns = any(name.lower() in told for name in around.names if len(name) > 1)
    return Happened(
        at=at,
        kind=kind,
        text=text[:300],
        minutes_before=round(minutes, 1),
        concerns=concerns,
        score=round(score_of(kind, minutes, concerns=concerns), 4),
        **more,
    )


def _deployments(around: Around) -> list[Happened]:
    whose = Q(tenant=None) if around.tenant_id is None else Q(tenant=None) | Q(tenant=around.tenant_id)
    rows = Deployment.objects.filter(
        whose, deployed_at__gte=around.began_at - BEFORE, deployed_at__lte=around.until
    ).order_by("-deployed_at")[:_MOST_READ]
    return [
        _made(
            around,
            row.deployed_at,
            "deployment",
            f"{row.service} {row.version}{f' in {row.environment}' if row.environment else ''} was deployed"
            f"{f': {row.note}' if row.note else ''}.",
            (row.service, row.version, row.note),
            actor=row.recorded_by if row.tenant_id == around.tenant_id else "",
            link=row.link,
        )
        for row in rows
    ]


def _changes(around: Around) -> list[Happened]:
    own = Q(tenant_ref=str(around.tenant_id or ""), object_type__in=list(_KIND_OF))
    platform = Q(tenant_ref="", object_type__in=_OF_PLATFORM)
    rows = (
        AuditEntry.objects.filter(own if around.tenant_id is None else own | platform)
        .filter(at__gte=around.began_at - BEFORE, at__lte=around.until)
        .exclude(action__in=_NOT_CHANGES)
        .order_by("-at")[:_MOST_READ]
    )
    return [_change(around, row) for row in rows]


def _change(around: Around, row: AuditEntry) -> Happened:
    theirs = row.tenant_ref == str(around.tenant_id or "")
    fields = sorted(row.after) if theirs and row.action == AuditEntry.Action.UPDATED else []
    what = f" ({', '.join(fields[:6])})" if fields else ""
    told = [row.object_name, *(str(value) for value in (*row.before.values(), *row.after.values()))] if theirs else []
    return _made(
        around,
        row.at,
        _KIND_OF[row.object_type],
        f"{_titled(row.object_type)} “{row.object_name}” was "
        f"{row.get_action_display().lower()}{what}"
        f"{'' if theirs else ' by the platform'}.",
        told or [row.object_name],
        actor=row.actor if theirs else "",
    )


def _titled(object_type: str) -> str:
    words = _WORDS.get(object_type, object_type)
    return f"{words[:1].upper()}{words[1:]}"


_RARE: Final = """
SELECT {what}, min(e.occurred_at), count(*) FROM events_event e
WHERE e.event_type = %(type)s AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s {more} GROUP BY 1, 2
ORDER BY count(*) DESC LIMIT 50
"""


def _rare(kind: str, what: str, start: datetime, end: datetime, more: str = "", **given: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_RARE.format(what=what, more=more), {"type": kind, "start": start, "end": end, **given})
        rows: list[Any] = cursor.fetchall()
        return rows


def _circuits(around: Around) -> list[Happened]:
    rows = _rare(
        "breaker.state.changed",
        "e.payload ->> 'target', e.payload ->> 'reason'",
        around.began_at - timedelta(minutes=30),
        around.until,
        "AND e.payload ->> 'new_state' = 'open' AND e.payload ->> 'reason' <> 'peer'",
    )
    return [
        _made(
            around,
            at,
            "breaker",
            f"The circuit of {target} opened {counted(times, 'time')} ({reason.replace('_', ' ')}).",
            (target,),
        )
        for target, reason, at, times in rows
        if around.tenant_id is None or _provider(target) in around.providers
    ][:_MOST_TARGETS]


def _provider(target: str) -> str:
    return target.partition("/")[0]


def _provider_errors(around: Around) -> list[Happened]:
    """Attempts that failed, those that others then answered included; where there are many more than before."""
    length = around.until - around.began_at
    what = "COALESCE(e.payload ->> 'provider', ''), COALESCE(e.payload ->> 'error_code', '')"
    more, given = (
        ("", {}) if around.tenant_id is None else ("AND e.tenant_id = %(tenant)s", {"tenant": str(around.tenant_id)})
    )
    now = _rare("llm.attempt.failed", what, around.began_at, around.until, more, **given)
    before = _rare("llm.attempt.failed", what, around.began_at - length, around.began_at, more, **given)
    usual = {(provider, code): times for provider, code, _at, times in before}
    return [
        _made(
            around,
            at,
            "provider_errors",
            f"{times} attempts at {provider} failed with {code} (before: {usual.get((provider, code), 0)}).",
            (provider,),
        )
        for provider, code, at, times in now
        if times >= 5 and times > 3 * usual.get((provider, code), 0)
    ][:_MOST_TARGETS]


def names_of(segments: Sequence[Any]) -> frozenset[str]:
    """Values and names of the segments' parts."""
    return frozenset(text for one in segments for part in one.parts for text in (part.value, part.name) if text)
