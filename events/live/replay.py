"""What a run has had so far, as the collector would have shown it."""

from __future__ import annotations

import msgspec

from contracts.tenant_scope import across_tenants
from events.live.authentication import EVERYTHING
from events.models import EventRecord, Run
from events.selectors import events_of_run


def lines_of_run(tenant_id: str, correlation_id: str) -> list[bytes]:
    """Encoded envelopes of the run's events, in order; none when the tenant has no such run."""
    if tenant_id != EVERYTHING:
        return [_line(event) for event in events_of_run(tenant_id, correlation_id)]
    with across_tenants("who watches everything may look at any tenant's run"):
        owner = Run.objects.filter(pk=correlation_id).values_list("tenant_id", flat=True).first()
    return [] if owner is None else lines_of_run(owner, correlation_id)


def _line(event: EventRecord) -> bytes:
    return msgspec.json.encode(
        {
            "event_id": str(event.event_id),
            "event_type": event.event_type,
            "schema_version": event.schema_version,
            "timestamp": event.occurred_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "layer": event.layer,
            "service_name": event.service_name,
            "env": event.env,
            "tenant_id": event.tenant_id,
            "trace_id": event.trace_id,
            "span_id": event.span_id,
            "correlation_id": event.correlation_id,
            "payload": event.payload,
        }
    )
