"""Prometheus metrics of a collector."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from events.collector.store import Written

LAG_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class CollectorMetrics:
    """What one collector did. Shared with ``/metrics`` through the multiprocess directory."""

    def __init__(self, registry: CollectorRegistry | None = None, *, now: Callable[[], float] = time.time) -> None:
        registry = registry or CollectorRegistry()
        self._now = now
        self.stored = Counter("events_stored", "Events written to PostgreSQL", registry=registry)
        self.duplicates = Counter("events_duplicate", "Events delivered again and not written", registry=registry)
        self.quarantined = Counter("events_quarantined", "Lines kept aside", registry=registry)
        self.failures = Counter("events_collector_failures", "Failed tries", ["dependency"], registry=registry)
        self.backlog = Gauge(
            "events_stream_length", "Batches waiting on the bus", registry=registry, multiprocess_mode="livemostrecent"
        )
        self.heartbeat = Gauge(
            "events_collector_heartbeat_seconds",
            "Unix time of the collector's last turn",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.lag = Histogram(
            "events_lag_seconds",
            "From an event to its commit in PostgreSQL: the oldest of each batch",
            registry=registry,
            buckets=LAG_S,
        )

    def written(self, written: Written) -> None:
        """Count one transaction."""
        self.stored.inc(len(written.events))
        self.duplicates.inc(written.duplicates)
        self.quarantined.inc(written.quarantined)
        if written.events:
            oldest = min(event.occurred_at for event in written.events)
            self.lag.observe(max(0.0, (datetime.fromtimestamp(self._now(), UTC) - oldest).total_seconds()))

    def failed(self, dependency: str) -> None:
        """Count a failed try at ``redis``, ``postgres`` or ``live``."""
        self.failures.labels(dependency).inc()

    def alive(self) -> None:
        """The loop turns."""
        self.heartbeat.set(self._now())
