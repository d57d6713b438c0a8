"""The demo's drift monitor: looks of some days over the calls that were made, one of them after the slow spell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made
from controlplane.demo.incidents import Incidents
from controlplane.demo.past import Past
from evaluation.drift.keeping import keep
from evaluation.drift.looks import look, next_look
from evaluation.drift.services import create_monitor
from evaluation.models import DriftMonitor, DriftState

SIGNALS: Final = ("latency", "cost", "input_length", "output_length", "failures", "guardrails")
LOOKS: Final = 4
"""A day and a half apart; hourly ones would take the demo too long."""
WINDOW: Final = timedelta(hours=6)
_WORKER: Final = "demo"


def build_monitor(made: Made, past: Past, until: datetime) -> DriftMonitor | None:
    """Of the tenant that has evaluations; none where no tenant stores prompts."""
    tenant = next((one for one in made.tenants if one.plan.payload_storage != "none"), None)
    if tenant is None:
        return None
    with (
        past.at(until - timedelta(days=6), tenant.people["developer"][0].username),
        across_tenants("the demo makes rows of its tenants"),
    ):
        return create_monitor(
            tenant=tenant.row,
            name="Calls are as usual",
            signals=list(SIGNALS),
            segment_by=DriftMonitor.Segments.PROVIDER,
            window_minutes=int(WINDOW.total_seconds()) // 60,
            reference=DriftMonitor.Reference.DAILY,
            least_values=60,
            confirm=1,
            severity=DriftMonitor.Severity.NONE,
        )


def look_back(monitor: DriftMonitor, incidents: Incidents, until: datetime) -> None:
    """Have it look, as it would have."""
    for at in _instants(incidents, until):
        check, findings = look(monitor, now=at)
        states = DriftState.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)
        states.update(worker=_WORKER)
        keep(monitor, check, findings, worker=_WORKER, now=at)
        states.update(next_look_at=next_look(monitor, until))


def _instants(incidents: Incidents, until: datetime) -> Iterator[datetime]:
    """From time to time, and as the slow spell ended."""
    slow = datetime.fromtimestamp(incidents.slow.end_ms / 1000, UTC)
    regular = [until - timedelta(hours=36) * back for back in range(LOOKS)]
    yield from sorted(one for one in {*regular, slow} if one <= until)
