"""Tells of drift that began and is over: as events, and to whoever tells people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from contracts.events import DriftCleared, DriftDetected, EventContext, EventPayload
from contracts.findings import ReportedFinding, report_finding, report_finding_over
from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor, DriftState
from evaluation.drift.words import summary_of
from tenants.emitting import emit

MOST_TOLD: Final = 20
_INCIDENTS: Final = frozenset({"route", "model", "key"})


def began(monitor: DriftMonitor, check: DriftCheck, findings: Sequence[DriftFinding]) -> str:
    """What these findings are told as; the reference by which :func:`ended` ends it, empty without an incident."""
    summary = summary_of(monitor, findings)
    largest = max(findings, key=lambda one: one.effect or 0)
    event = DriftDetected(
        monitor_id=str(monitor.pk),
        name=monitor.name,
        check_id=str(check.pk),
        summary=summary,
        signals=sorted({one.signal for one in findings})[:MOST_TOLD],
        segments=sorted({one.segment for one in findings if one.segment})[:MOST_TOLD],
        findings=len(findings),
        effect=largest.effect,
    )
    _emit(monitor, event)
    if not monitor.severity:
        return ""
    kind, segment = _segment(monitor, findings)
    return report_finding(
        ReportedFinding(
            tenant_id=monitor.tenant_id,
            kind="drift",
            name=monitor.name,
            severity=monitor.severity,
            segment_kind=kind,
            segment=segment,
            summary=summary,
            value=largest.effect,
            threshold=largest.least,
            began_at=check.window_end,
            found_at=check.window_end,
        )
    )


def ended(monitor: DriftMonitor, state: DriftState, *, at: datetime, why: str) -> None:
    """What went on is over; for a state without drift nothing is told."""
    if state.drifted_at is None:
        return
    lasted = max(0, int((at - state.drifted_at).total_seconds()))
    _emit(monitor, DriftCleared(monitor_id=str(monitor.pk), name=monitor.name, reason=why, duration_s=lasted))
    report_finding_over(monitor.tenant_id, state.alert, at, why)


def _segment(monitor: DriftMonitor, findings: Sequence[DriftFinding]) -> tuple[str, str]:
    """The one segment that it is about, as incidents know it."""
    found = {one.segment for one in findings}
    if len(found) == 1 and "" not in found and monitor.segment_by in _INCIDENTS:
        return monitor.segment_by, found.pop()
    for kind, name in (("route", monitor.route), ("model", monitor.model), ("key", monitor.key_id)):
        if name:
            return kind, name
    return "all", ""


def _emit(monitor: DriftMonitor, event: EventPayload) -> None:
    context = EventContext(tenant_id=str(monitor.tenant_id))
    transaction.on_commit(lambda: emit(event, context), robust=True)
