"""A finished call, as its OpenTelemetry spans need it."""

from __future__ import annotations

from contracts.ids import new_span_id
from events.engine.tracing import CallTrace
from gateway.engine.call import Call


def trace_of(call: Call, duration_ms: float, error_code: str | None, status: int) -> CallTrace:
    """Built only where an exporter is configured."""
    target, grounded = call.target, call.grounded
    return CallTrace(
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent_span_id=call.parent_span_id,
        started_at_ns=call.started_at_ns,
        duration_ms=duration_ms,
        operation=call.operation,
        endpoint=call.endpoint,
        route=call.route.name,
        provider=target.provider.name if target is not None else None,
        request_model=call.request.model,
        response_model=target.model.name if target is not None else None,
        usage=call.usage,
        cost_nanousd=call.cost_of(call.usage) if call.usage is not None else None,
        finish_reason=call.finish_reason,
        first_token_ms=call.first_token_ms,
        stream=call.streamed,
        error_code=error_code,
        http_status=status,
        tenant_id=call.tenant.id,
        correlation_id=call.correlation_id,
        attempts=call.engine.attempts,
        retrieval=(new_span_id(), grounded.started_at_ns, grounded.retrieval_ms) if grounded is not None else None,
    )
