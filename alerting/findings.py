"""Incidents for what others find: drift has no rule here, and people are told of it all the same."""

from __future__ import annotations

import uuid
from datetime import datetime

from alerting import incidents
from alerting.incident_rows import Alert
from alerting.rules import AlertRule
from contracts.findings import ReportedFinding


class FindingIncidents:
    """Opens an alert for each finding that begins, and closes it when it is over."""

    def finding_began(self, finding: ReportedFinding) -> str:
        """In an incident that goes on or in a new one; silences hold for it as for alerts of rules."""
        alert = incidents.open_alert(
            rule=_stand_in(finding),
            severity=finding.severity,
            began_at=finding.began_at,
            fired_at=finding.found_at,
            value=finding.value,
            summary=finding.summary,
        )
        return str(alert.pk)

    def finding_ended(self, tenant_id: uuid.UUID, reference: str, at: datetime, why: str) -> None:
        """Once: an incident that people resolved has closed its alerts already."""
        rows = Alert.objects.select_related("incident").filter(tenant=tenant_id, resolved_at=None)
        alert = rows.filter(pk=uuid.UUID(reference)).first()
        if alert is not None:
            incidents.close_alert(alert=alert, at=max(at, alert.began_at), why=why)


def _stand_in(finding: ReportedFinding) -> AlertRule:
    """A rule that is never stored: what alerts and silences ask of one."""
    return AlertRule(
        tenant_id=finding.tenant_id,
        name=finding.name[:64],
        kind=finding.kind,
        severity=finding.severity,
        signal=finding.kind,
        segment_kind=finding.segment_kind,
        segment=finding.segment,
        threshold=finding.threshold,
    )
