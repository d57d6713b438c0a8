"""Workers that started, and what dead ones left."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class GatewayWorkerStarted(EventPayload, frozen=True, kw_only=True):
    """A gateway worker is ready to serve."""

    event_type = "gateway.worker.started"
    worker_id: str
    pid: int


class SpoolAdopted(EventPayload, frozen=True, kw_only=True):
    """A dead worker's leftover segments were taken over."""

    event_type = "events.spool.adopted"
    layer = 4
    spool_id: str
    bytes: int
