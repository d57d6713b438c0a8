"""Traces: one OpenTelemetry span per call and one per attempt, built when the call is over.

Nothing is measured here: the pipeline hands over what it knows anyway, once, after the answer was sent, and only
where an exporter is configured. Names follow OpenTelemetry's semantic conventions for generative AI.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from contracts.chat import Usage
from contracts.specs import TargetSpec

log = logging.getLogger(__name__)

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16

PROVIDER_NAMES: Final = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "cohere": "cohere",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
}
"""Our provider kinds and names → well-known values of ``gen_ai.provider.name``; others keep their own name."""


class TraceParent(NamedTuple):
    """Who called us, from the W3C ``traceparent`` header."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: str | None) -> TraceParent | None:
    """The caller's span; None when the header is missing or not valid by W3C Trace Context level 1."""
    match = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    # Version ff is forbidden; 00 has nothing after its flags, later versions may.
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1))


class Attempt(Protocol):
    """What a span needs to know of one try at one provider; ``routing`` provides it."""

    number: int
    target: TargetSpec
    duration_ms: float
    queue_ms: float
    first_token_ms: float | None
    hedge: bool
    error_code: str | None
    upstream_status: int | None
    started_at_ns: int
    span_id: str


class CallTrace(msgspec.Struct, kw_only=True):
    """A finished call. Ids are lower-case hex; ``parent_span_id`` is empty when the call began here."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    started_at_ns: int
    """Unix nanoseconds."""
    duration_ms: float
    operation: str
    """``gen_ai.operation.name``: ``chat`` or ``embeddings``."""
    endpoint: str = ""
    route: str | None = None
    provider: str | None = None
    request_model: str | None = None
    """What the caller asked for."""
    response_model: str | None = None
    """The model that answered or was tried last."""
    usage: Usage | None = None
    cost_nanousd: int | None = None
    finish_reason: str | None = None
    first_token_ms: float | None = None
    stream: bool = False
    error_code: str | None = None
    http_status: int | None = None
    tenant_id: str = ""
    correlation_id: str = ""
    attempts: Sequence[Attempt] = ()
    """:class:`Attempt` each."""
    retrieval: tuple[str, int, float] | None = None
    """Of the search for passages: id of its span, when it began (Unix nanoseconds), and how long it took (ms)."""


class CallTracer:
    """Turns finished calls into spans and gives them to a span processor; without one it is off."""

    def __init__(self, processor: SpanProcessor | None = None, *, service_name: str = "", env: str = "") -> None:
        self.enabled = processor is not None
        self._processor = processor
        self._resource = Resource.create({"service.name": service_name, "deployment.environment.name": env})
        self._scope = InstrumentationScope("breakwater.gateway")

    @classmethod
    def to_endpoint(cls, endpoint: str, *, service_name: str, env: str) -> CallTracer:
        """A tracer that exports over OTLP/HTTP to ``endpoint`` (without ``/v1/traces``); off when it is empty.

        Headers, compression and timeouts come from OpenTelemetry's own ``OTEL_EXPORTER_OTLP_*`` variables.
        """
        if not endpoint:
            return cls()
        # Imported only where it is used: every gateway worker would pay its memory.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        return cls(BatchSpanProcessor(exporter), service_name=service_name, env=env)

    def record(self, trace: CallTrace) -> None:
        """Queue the call's spans for export. Never blocks on the network, never raises."""
        if self._processor is None:
            return
        try:
            if trace.retrieval is not None:
                self._processor.on_end(self._retrieval_span(trace, *trace.retrieval))
            for attempt in trace.attempts:
                if attempt.span_id and attempt.started_at_ns:
                    self._processor.on_end(self._attempt_span(trace, attempt))
            self._processor.on_end(self._call_span(trace))
        except Exception:  # boundary: a trace that cannot be built must not fail the call that it describes
            log.exception("The trace of a call could not be recorded", extra={"correlation_id": trace.correlation_id})

    def close(self) -> None:
        """Export what is queued and stop; blocks for up to some seconds."""
        if self._processor is not None:
            self._processor.shutdown()

    def _call_span(self, trace: CallTrace) -> ReadableSpan:
        return self._span(
            name=f"{trace.operation} {trace.request_model or trace.response_model or ''}".rstrip(),
            context=_context(trace.trace_id, trace.span_id),
            parent=_context(trace.trace_id, trace.parent_span_id, remote=True) if trace.parent_span_id else None,
            kind=SpanKind.SERVER,
            attributes=_call_attributes(trace),
            error_code=trace.error_code,
            started_at_ns=trace.started_at_ns,
            duration_ms=trace.duration_ms,
        )

    def _retrieval_span(self, trace: CallTrace, span_id: str, started_at_ns: int, duration_ms: float) -> ReadableSpan:
        return self._span(
            name="retrieval",
            context=_context(trace.trace_id, span_id),
            parent=_context(trace.trace_id, trace.span_id),
            kind=SpanKind.INTERNAL,
            attributes={"gen_ai.operation.name": "retrieval"},
            error_code=None,
            started_at_ns=started_at_ns,
            duration_ms=duration_ms,
        )

    def _attempt_span(self, trace: CallTrace, attempt: Attempt) -> ReadableSpan:
        target = attempt.target
        return self._span(
            name=f"{trace.operation} {target.model.wire_name}",
            context=_context(trace.trace_id, attempt.span_id),
            parent=_context(trace.trace_id, trace.span_id),
            kind=SpanKind.CLIENT,
            attributes=_attempt_attributes(trace, attempt),
            error_code=attempt.error_code,
            started_at_ns=attempt.started_at_ns,
            duration_ms=attempt.duration_ms,
        )

    def _span(
        self,
        *,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        error_code: str | None,
        started_at_ns: int,
        duration_ms: float,
    ) -> ReadableSpan:
        if error_code is not None:
            attributes["error.type"] = error_code
        return ReadableSpan(
            name=name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            kind=kind,
            status=Status(StatusCode.UNSET) if error_code is None else Status(StatusCode.ERROR, error_code),
            start_time=started_at_ns,
            end_time=started_at_ns + int(duration_ms * 1_000_000),
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=remote, trace_flags=TraceFlags(1))


def _call_attributes(trace: CallTrace) -> dict[str, Any]:
    usage = trace.usage or Usage()
    return {
        "gen_ai.operation.name": trace.operation,
        "gen_ai.provider.name": provider_name(trace.provider, trace.provider),
        "gen_ai.request.model": trace.request_model,
        "gen_ai.request.stream": trace.stream or None,
        "gen_ai.response.model": trace.response_model,
        "gen_ai.response.finish_reasons": [trace.finish_reason] if trace.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": _seconds(trace.first_token_ms),
        "gen_ai.usage.input_tokens": usage.input_tokens if trace.usage else None,
        "gen_ai.usage.output_tokens": usage.output_tokens if trace.usage else None,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
        "http.route": trace.endpoint or None,
        "http.response.status_code": trace.http_status,
        "breakwater.tenant.id": trace.tenant_id,
        "breakwater.correlation_id": trace.correlation_id,
        "breakwater.route": trace.route,
        "breakwater.cost_nanousd": trace.cost_nanousd,
        "breakwater.attempts": len(trace.attempts),
    }


def _attempt_attributes(trace: CallTrace, attempt: Attempt) -> dict[str, Any]:
    target = attempt.target
    return {
        "gen_ai.operation.name": trace.operation,
        "gen_ai.provider.name": provider_name(target.provider.kind, target.provider.name),
        "gen_ai.request.model": target.model.wire_name,
        "gen_ai.response.time_to_first_chunk": _seconds(attempt.first_token_ms),
        "http.response.status_code": attempt.upstream_status,
        "server.address": urlsplit(target.provider.base_url).hostname,
        "breakwater.correlation_id": trace.correlation_id,
        "breakwater.target": target.label,
        "breakwater.attempt": attempt.number,
        "breakwater.hedge": attempt.hedge or None,
        "breakwater.queue_ms": attempt.queue_ms or None,
    }


def provider_name(kind: str | None, name: str | None) -> str | None:
    """The conventions' name of a provider where its name or kind has one, else its name."""
    return PROVIDER_NAMES.get(name or "") or PROVIDER_NAMES.get(kind or "") or name


def _seconds(milliseconds: float | None) -> float | None:
    return milliseconds / 1000 if milliseconds is not None else None


__all__ = ["Attempt", "CallTrace", "CallTracer", "TraceParent", "parse_traceparent", "provider_name"]
