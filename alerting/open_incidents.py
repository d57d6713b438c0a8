"""Open incidents for pages of other apps: registered as the source of :mod:`contracts.incidents`."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Case, IntegerField, Value, When

from alerting.incident_rows import Incident
from alerting.owned import RANKS
from contracts.incidents import OpenIncident


class OpenIncidents:
    """Reads them from the table."""

    def open_incidents(self, tenant_id: str | None, limit: int) -> Sequence[OpenIncident]:
        """The tenant's, or all tenants' and the platform's for None, the worst first."""
        rank = Case(
            *(When(severity=name, then=Value(rank)) for name, rank in RANKS.items()), output_field=IntegerField()
        )
        rows = Incident.objects.exclude(state=Incident.State.RESOLVED).filter(silenced=False)
        if tenant_id is not None:
            rows = rows.filter(tenant=tenant_id)
        found = rows.select_related("tenant", "owner").order_by(rank.desc(), "began_at")[:limit]
        return [self._shown(row, named=tenant_id is None) for row in found]

    @staticmethod
    def _shown(row: Incident, *, named: bool) -> OpenIncident:
        whose = f"{row.tenant.name}. " if named and row.tenant else ""
        state = f"Acknowledged by {row.acknowledged_by}." if row.acknowledged_by else "Nobody has acknowledged it."
        return OpenIncident(
            title=row.title,
            severity=row.severity,
            since=row.began_at,
            detail=f"{whose}{state}",
            tenant_id=str(row.tenant_id or ""),
            page="incident",
            page_arguments={"pk": str(row.pk)},
        )
