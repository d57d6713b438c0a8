"""The one event in which a call ends."""

from __future__ import annotations

from typing import Any

from contracts.chat import Usage
from contracts.errors import GatewayError
from contracts.events import RequestCompleted, RequestFailed
from gateway.engine.call import Call
from gateway.formats.base import AnswerFacts


def completed_event(call: Call, facts: AnswerFacts, duration_ms: float) -> RequestCompleted:
    """The call was answered."""
    return RequestCompleted(
        **_common(call, call.used(facts.usage), duration_ms),
        route=facts.route,
        provider=facts.provider,
        model=facts.model,
        finish_reason=call.finish_reason,
        cost_nanousd=facts.cost_nanousd,
        cached=call.cache.hit is not None,
    )


def failed_event(call: Call, error: GatewayError, duration_ms: float, code: str, status: int) -> RequestFailed:
    """The call ended in an error; what was used until then is billed (nothing, if no provider answered)."""
    target = call.target
    return RequestFailed(
        **_common(call, call.used(call.usage or Usage()), duration_ms),
        requested_model=call.request.model,
        route=call.route.name,
        provider=target.provider.name if target is not None else None,
        model=target.model.name if target is not None else None,
        error_code=code,
        error_message=error.message,
        http_status=status,
        retryable=error.retryable,
        cost_nanousd=call.cost_of(call.usage) if call.usage is not None else 0,
    )


def _common(call: Call, usage: Usage, duration_ms: float) -> dict[str, Any]:
    engine = call.engine
    return {
        "endpoint": call.endpoint,
        "operation": call.operation,
        "key_id": call.key.id,
        "team_id": call.key.team_id,
        "stream": call.streamed,
        "user": call.request.user,
        "tags": call.tags,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_input_tokens": usage.audio_input_tokens,
        "audio_output_tokens": usage.audio_output_tokens,
        "image_input_tokens": usage.image_input_tokens,
        "image_output_tokens": usage.image_output_tokens,
        "usage_estimated": usage.estimated,
        "duration_ms": round(duration_ms, 3),
        "overhead_ms": round(max(0.0, duration_ms - engine.upstream_wait_s * 1000), 3),
        "first_token_ms": round(call.first_token_ms, 3) if call.first_token_ms is not None else None,
        "attempts": len(engine.attempts),
        "fallback_used": engine.fallback_used,
        "degraded": call.ticket.degraded if call.ticket is not None else False,
        "output": call.output,
    }
