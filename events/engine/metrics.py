"""Prometheus metrics of the gateway, counted from the events themselves.

The hot path only adds to plain Python numbers, one small object per label set; :meth:`GatewayMetrics.flush` moves
the differences to prometheus-client (whose multiprocess values cost ten times as much) once a second and before
each scrape. Cardinality is bounded: the first ``METRICS_LABEL_LIMIT`` tenants (models, routes, targets) get their
own label value, later ones share ``other``.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from contracts.events import (
    AttemptCancelled,
    AttemptCompleted,
    AttemptFailed,
    BreakerStateChanged,
    EventContext,
    EventPayload,
    FallbackUsed,
    GuardrailFailed,
    GuardrailMatched,
    HedgeStarted,
    LimiterDegraded,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
    RequestStarted,
)
from events.engine.metric_files import unchanging

DEFAULT_LABEL_LIMIT: Final = 500
SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0,
)  # fmt: skip
_multi_process_collector: Any = MultiProcessCollector
BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}
OTHER: Final = "other"
NONE: Final = "none"


class _Bounded:
    """The first ``limit`` values keep their name, later ones become ``other``."""

    __slots__ = ("_limit", "_seen")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[str, str] = {}

    def __call__(self, value: str | None) -> str:
        if not value:
            return NONE
        known = self._seen.get(value)
        if known is not None:
            return known
        if len(self._seen) >= self._limit:
            return OTHER
        self._seen[value] = value
        return value


class _Distribution:
    """Observations of one histogram child since the last flush."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def move_to(self, child: Any) -> None:
        """Add to prometheus-client's histogram child, bucket by bucket."""
        for bucket, count in zip(child._buckets, self.counts, strict=True):
            if count:
                bucket.inc(count)
        if self.total:
            child._sum.inc(self.total)
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0


class _Calls:
    """Ended calls of one route, target, tenant and status."""

    __slots__ = ("cost_nanousd", "count", "duration", "first_token", "overhead", "tokens")

    def __init__(self) -> None:
        self.count = 0
        self.duration = _Distribution()
        self.overhead = _Distribution()
        self.first_token = _Distribution()
        self.tokens = [0, 0, 0, 0, 0]
        self.cost_nanousd = 0

    def add(self, event: RequestCompleted | RequestFailed) -> None:
        self.count += 1
        self.duration.add(event.duration_ms / 1000)
        self.overhead.add(event.overhead_ms / 1000)
        if event.first_token_ms is not None:
            self.first_token.add(event.first_token_ms / 1000)
        tokens = self.tokens
        tokens[0] += event.input_tokens
        tokens[1] += event.output_tokens
        if event.cached_input_tokens or event.cache_write_tokens or event.reasoning_tokens:
            tokens[2] += event.cached_input_tokens
            tokens[3] += event.cache_write_tokens
            tokens[4] += event.reasoning_tokens
        if event.cost_nanousd:
            self.cost_nanousd += event.cost_nanousd


TOKEN_KINDS: Final = ("input", "output", "cached_input", "cache_write", "reasoning")

_CallLabels = tuple[str, str, str, str, str]


class GatewayMetrics:
    """All metrics of one process, fed by :meth:`observe` with the events that it emits.

    After :func:`events.engine.metric_files.share_between_processes` the values of all processes that share the
    directory are added up by :meth:`render`.
    """

    def __init__(self, *, label_limit: int = DEFAULT_LABEL_LIMIT, tenant_limit: int | None = None) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._tenants = _Bounded(tenant_limit or label_limit)
        self._routes = _Bounded(label_limit)
        self._targets = _Bounded(label_limit)
        self._rules = _Bounded(label_limit)
        self._calls: dict[_CallLabels, _Calls] = {}
        self._touched: dict[_CallLabels, _Calls] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._attempt_seconds: dict[str, _Distribution] = {}
        self._simple: dict[tuple[Counter, tuple[str, ...]], int] = {}
        self._started = 0
        self._ended = 0
        self._define()
        self._handlers: dict[type[EventPayload], Any] = {
            RequestStarted: self._on_started,
            RequestCompleted: self._on_completed,
            RequestFailed: self._on_failed,
            RequestRejected: self._on_rejected,
            AttemptCompleted: self._on_attempt_completed,
            AttemptFailed: self._on_attempt_failed,
            AttemptCancelled: self._on_attempt_cancelled,
            FallbackUsed: self._on_fallback,
            HedgeStarted: self._on_hedge,
            BreakerStateChanged: self._on_breaker,
            LimiterDegraded: self._on_degraded,
            GuardrailMatched: self._on_guardrail_matched,
            GuardrailFailed: self._on_guardrail_failed,
        }

    def _define(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=SECONDS, registry=self.registry)

        def gauge(name: str, text: str, *labels: str, mode: Any = "livesum") -> Gauge:
            return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)

        call = ("route", "target", "tenant")
        self.requests = counter(
            "gateway_requests", "Calls that ended, by status: ok or the error code", *call, "operation", "status"
        )
        self.rejected = counter("gateway_requests_rejected", "Requests that never became a call", "endpoint", "code")
        self.duration = seconds(
            "gen_ai_server_request_duration_seconds", "Whole call, body read to last byte handed over", *call
        )
        self.overhead = seconds("gateway_overhead_seconds", "Call less the time spent waiting for providers", "route")
        self.first_token = seconds("gen_ai_server_time_to_first_token_seconds", "To the first output token", *call)
        self.tokens = counter("gen_ai_client_token_usage", "Tokens by kind", *call, "gen_ai_token_type")
        self.cost = counter("gateway_cost_nanousd", "Cost of calls in nano-USD, where the price is known", *call)
        self.attempts = counter("gateway_attempts", "Tries at a provider, by result or error code", "target", "result")
        self.attempt_duration = seconds(
            "gen_ai_client_operation_duration_seconds", "One try at a provider that answered", "target"
        )
        self.fallbacks = counter("gateway_fallbacks", "Calls that moved to another target", "source", "to", "reason")
        self.hedges = counter("gateway_hedges", "Second attempts started because the first was slow", "target")
        self.breaker = gauge("gateway_breaker_state", "0 closed, 1 half open, 2 open", "target", mode="livemostrecent")
        self.in_flight = gauge("gateway_requests_in_flight", "Calls started and not ended")
        self.degraded = gauge("gateway_admission_degraded", "1 while Redis is down for admission", mode="livemax")
        self.secret_reads = counter("gateway_secret_store_reads", "Credentials read, by outcome", "store", "outcome")
        self.secret_reachable = gauge(
            "gateway_secret_store_reachable", "0 while the last read failed", "store", mode="livemin"
        )
        self.secret_answered = gauge(
            "gateway_secret_store_answered_timestamp_seconds", "When it answered last", "store", mode="livemax"
        )
        self.guardrail_matches = counter(
            "gateway_guardrail_matches", "Calls in which a rule found something", "rule", "stage", "action"
        )
        self.guardrail_failures = counter("gateway_guardrail_failures", "Rules that could not tell", "rule", "reason")
        self.guardrail_seconds = seconds("gateway_guardrail_seconds", "Time of rules that found something", "kind")
        self.dropped = counter("events_dropped", "Events that could not be kept", "reason")
        self.spool_bytes = gauge("events_spool_bytes", "Bytes in the spool of live processes and adopted ones")
        self.spool_backlog = gauge("events_spool_backlog_bytes", "Bytes in spools that PostgreSQL does not have yet")
        self.spool_oldest = gauge(
            "events_spool_oldest_seconds", "Age of the oldest event not yet in PostgreSQL", mode="livemax"
        )
        self.shipped_batches = counter("events_shipped_batches", "Batches put on the bus")
        self.bus_errors = counter("events_bus_errors", "Failed tries to reach the bus")
        self.ws_clients = gauge("events_websocket_clients", "Live WebSocket connections")
        self.ws_dropped = counter("events_websocket_dropped", "Messages not sent to clients that read too slowly")

    # --- what the emitter and the shipper report

    def shipped(self, batches: int) -> None:
        """Batches taken by the bus."""
        self.shipped_batches.inc(batches)

    def bus_failed(self) -> None:
        """One failed try to reach the bus."""
        self.bus_errors.inc()

    def spools(self, *, size_bytes: int, backlog_bytes: int, oldest_s: float) -> None:
        """State of all spools of this process."""
        self.spool_bytes.set(size_bytes)
        self.spool_backlog.set(backlog_bytes)
        self.spool_oldest.set(oldest_s)

    def secret_store_read(self, store: str, outcome: str, *, reachable: bool) -> None:
        """A credential was asked for at this kind of store."""
        self.secret_reads.labels(store, outcome).inc()
        self.secret_reachable.labels(store).set(reachable)
        if reachable:
            self.secret_answered.labels(store).set_to_current_time()

    def websocket_opened(self) -> None:
        """A client watches live events."""
        self.ws_clients.inc()

    def websocket_closed(self) -> None:
        """It is gone."""
        self.ws_clients.dec()

    def websocket_dropped(self, count: int) -> None:
        """Messages that a slow client did not get."""
        self.ws_dropped.inc(count)

    # --- counting (hot path)

    def observe(self, payload: EventPayload, context: EventContext) -> None:
        """Count one event; types that no metric is derived from cost one dictionary miss."""
        handler = self._handlers.get(type(payload))
        if handler is not None:
            handler(payload, context)

    def events_dropped(self, reason: str, count: int) -> None:
        """Count events that the emitter could not keep."""
        self._add(self.dropped, (reason,), count)

    def _on_started(self, event: RequestStarted, context: EventContext) -> None:
        self._started += 1

    def _on_completed(self, event: RequestCompleted, context: EventContext) -> None:
        self._ended += 1
        self._call(event.route, event.provider, event.model, context.tenant_id, event.operation, "ok").add(event)

    def _on_failed(self, event: RequestFailed, context: EventContext) -> None:
        self._ended += 1
        self._call(event.route, event.provider, event.model, context.tenant_id, event.operation, event.error_code).add(
            event
        )

    def _call(
        self, route: str | None, provider: str | None, model: str | None, tenant: str, operation: str, status: str
    ) -> _Calls:
        target = self._targets(f"{provider}/{model}") if provider else NONE
        labels = (self._routes(route), target, self._tenants(tenant), operation, status)
        calls = self._touched.get(labels)
        if calls is None:
            calls = self._calls.get(labels)
            if calls is None:
                calls = self._calls[labels] = _Calls()
            self._touched[labels] = calls
        return calls

    def _on_rejected(self, event: RequestRejected, context: EventContext) -> None:
        self._add(self.rejected, (event.endpoint, event.error_code))

    def _on_attempt_completed(self, event: AttemptCompleted, context: EventContext) -> None:
        target = self._targets(f"{event.provider}/{event.model}")
        self._attempt(target, "ok")
        distribution = self._attempt_seconds.get(target)
        if distribution is None:
            distribution = self._attempt_seconds[target] = _Distribution()
        distribution.add(event.duration_ms / 1000)

    def _on_attempt_failed(self, event: AttemptFailed, context: EventContext) -> None:
        self._attempt(self._targets(f"{event.provider}/{event.model}"), event.error_code)

    def _on_attempt_cancelled(self, event: AttemptCancelled, context: EventContext) -> None:
        self._attempt(self._targets(f"{event.provider}/{event.model}"), "cancelled")

    def _attempt(self, target: str, result: str) -> None:
        key = (target, result)
        self._attempts[key] = self._attempts.get(key, 0) + 1

    def _on_fallback(self, event: FallbackUsed, context: EventContext) -> None:
        labels = (self._targets(event.from_target), self._targets(event.to_target), event.reason)
        self._add(self.fallbacks, labels)

    def _on_hedge(self, event: HedgeStarted, context: EventContext) -> None:
        self._add(self.hedges, (self._targets(event.hedge_target),))

    def _on_breaker(self, event: BreakerStateChanged, context: EventContext) -> None:
        self.breaker.labels(self._targets(event.target)).set(BREAKER_STATES.get(event.new_state, 0))

    def _on_degraded(self, event: LimiterDegraded, context: EventContext) -> None:
        self.degraded.set(1 if event.degraded else 0)

    def _on_guardrail_matched(self, event: GuardrailMatched, context: EventContext) -> None:
        action = "shadow" if event.shadow else event.action
        self._add(self.guardrail_matches, (self._rules(f"{event.policy}/{event.rule}"), event.stage, action))
        self.guardrail_seconds.labels(event.kind).observe(event.duration_ms / 1000)

    def _on_guardrail_failed(self, event: GuardrailFailed, context: EventContext) -> None:
        self._add(self.guardrail_failures, (self._rules(f"{event.policy}/{event.rule}"), event.reason))

    def _add(self, counter: Counter, labels: tuple[str, ...], count: int = 1) -> None:
        key = (counter, labels)
        self._simple[key] = self._simple.get(key, 0) + count

    # --- moving to prometheus-client

    def flush(self) -> None:
        """Move what was counted since the last flush to prometheus-client. Call about once a second."""
        with self._lock:
            touched, self._touched = self._touched, {}
            for labels, calls in touched.items():
                self._flush_calls(labels, calls)
            simple, self._simple = self._simple, {}
            for (counter, values), count in simple.items():
                counter.labels(*values).inc(count)
            attempts, self._attempts = self._attempts, {}
            for key, count in attempts.items():
                self.attempts.labels(*key).inc(count)
            seconds, self._attempt_seconds = self._attempt_seconds, {}
            for target, distribution in seconds.items():
                distribution.move_to(self.attempt_duration.labels(target))
            if self._started:
                self.in_flight.set(max(0, self._started - self._ended))

    def _flush_calls(self, labels: _CallLabels, calls: _Calls) -> None:
        route, target, tenant, operation, status = labels
        call = (route, target, tenant)
        self.requests.labels(*call, operation, status).inc(calls.count)
        calls.count = 0
        calls.duration.move_to(self.duration.labels(*call))
        calls.overhead.move_to(self.overhead.labels(route))
        calls.first_token.move_to(self.first_token.labels(*call))
        for kind, count in zip(TOKEN_KINDS, calls.tokens, strict=True):
            if count:
                self.tokens.labels(*call, kind).inc(count)
        calls.tokens = [0, 0, 0, 0, 0]
        if calls.cost_nanousd:
            self.cost.labels(*call).inc(calls.cost_nanousd)
            calls.cost_nanousd = 0

    def render(self) -> bytes:
        """The Prometheus text of all processes (of this one where no multiprocess directory is set)."""
        self.flush()
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not directory:
            return bytes(generate_latest(self.registry))
        registry = CollectorRegistry()
        _multi_process_collector(registry, directory)
        with unchanging(Path(directory)):
            return bytes(generate_latest(registry))
