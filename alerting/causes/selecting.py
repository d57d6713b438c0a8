"""What was found out about an incident."""

from __future__ import annotations

from alerting.causes.evidence import Evidence, evidence_of
from alerting.causes.rows import IncidentCauses
from alerting.incident_rows import Incident


def causes_of(incident: Incident) -> tuple[IncidentCauses, Evidence] | None:
    """The row and what it says; None where nothing was worked out yet."""
    row = IncidentCauses.objects.filter(tenant=incident.tenant_id, incident=incident).first()
    evidence = evidence_of(row.evidence) if row is not None else None
    return (row, evidence) if row is not None and evidence is not None else None
