"""Earlier incidents of the same owner that were like this one, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from alerting.causes.evidence import Evidence, SimilarIncident, evidence_of
from alerting.causes.happened import names_of
from alerting.causes.rows import IncidentCauses
from alerting.incident_rows import Alert, Incident, IncidentEntry

BACK: Final = timedelta(days=180)
MOST: Final = 5
LEAST_SCORE: Final = 2.0
_MOST_READ: Final = 300


def similar(incident: Incident, evidence: Evidence) -> list[SimilarIncident]:
    """The most alike first; each says why it is among them."""
    rows = list(
        Incident.objects.filter(tenant=incident.tenant_id, began_at__lt=incident.began_at)
        .filter(began_at__gte=incident.began_at - BACK)
        .exclude(pk=incident.pk)
        .order_by("-began_at")[:_MOST_READ]
    )
    keys = [row.pk for row in rows]
    alerts: dict[Any, list[Alert]] = {}
    for alert in Alert.objects.filter(tenant=incident.tenant_id, incident__in=[incident.pk, *keys]):
        alerts.setdefault(alert.incident_id, []).append(alert)
    known = {
        row.incident_id: evidence_of(row.evidence)
        for row in IncidentCauses.objects.filter(tenant=incident.tenant_id, incident__in=keys)
    }
    found = []
    for row in rows:
        score, why = likeness(
            incident, alerts.get(incident.pk, ()), evidence, row, alerts.get(row.pk, ()), known.get(row.pk)
        )
        if score >= LEAST_SCORE:
            found.append((score, why, row))
    found.sort(key=lambda one: (-one[0], -one[2].began_at.timestamp()))
    return [_told(score, why, row) for score, why, row in found[:MOST]]


def likeness(
    one: Incident,
    alerts: Iterable[Alert],
    evidence: Evidence,
    other: Incident,
    others: Iterable[Alert],
    known: Evidence | None,
) -> tuple[float, list[str]]:
    """How alike, and in what. Twice as much for the same cause as for the same signal."""
    alerts, others = list(alerts), list(others)
    score = 0.0
    why: list[str] = []
    if {alert.rule_id for alert in alerts if alert.rule_id} & {alert.rule_id for alert in others}:
        score, why = score + 2, [*why, "the same rule"]
    if evidence.signal in {alert.signal for alert in others} | ({known.signal} if known else set()):
        score, why = score + 1, [*why, "the same signal"]
    if {alert.segment for alert in alerts} & {alert.segment for alert in others} - {"all calls"}:
        score, why = score + 1, [*why, "the same calls"]
    same = names_of(evidence.blamed) & names_of(known.blamed if known else [])
    if same:
        score, why = score + 3, [*why, f"the same cause: {', '.join(sorted(same)[:3])}"]
    if one.severity == other.severity:
        score += 0.5
    return score, why


def _told(score: float, why: list[str], row: Incident) -> SimilarIncident:
    lasted = int((row.resolved_at - row.began_at).total_seconds()) if row.resolved_at else None
    return SimilarIncident(
        incident_id=str(row.pk),
        title=row.title,
        began_at=row.began_at,
        lasted_s=lasted,
        severity=row.severity,
        score=score,
        why=why,
        ended=_ended(row),
    )


def _ended(row: Incident) -> str:
    kinds = (IncidentEntry.Kind.RESOLVED, IncidentEntry.Kind.NOTE)
    entries = IncidentEntry.objects.filter(tenant=row.tenant_id, incident=row, kind__in=kinds)
    texts = {entry.kind: entry.text for entry in entries if entry.text}
    return str(texts.get(IncidentEntry.Kind.NOTE) or texts.get(IncidentEntry.Kind.RESOLVED) or "")[:300]
