"""The one event in which a call ends."""

from __future__ import annotations

from typing import Any

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, JsonObject, Usage
from contracts.errors import GatewayError
from contracts.events import RequestCompleted, RequestFailed, RequestStarted
from gateway.engine.call import Call
from gateway.engine.payloads import kept_payload
from gateway.engine.request_digest import request_digest
from gateway.formats.base import AnswerFacts


def started_event(call: Call) -> RequestStarted:
    """The call counts from here on."""
    chat = call.request if isinstance(call.request, ChatRequest) else None
    return RequestStarted(
        endpoint=call.endpoint,
        operation=call.operation,
        key_id=call.key.id,
        team_id=call.key.team_id,
        requested_model=call.request.model,
        mode=chat.mode if chat is not None else "direct",
        stream=call.streamed,
        user=call.request.user,
        tags=call.tags,
        estimated_input_tokens=call.engine.estimated_input_tokens,
        max_output_tokens=chat.max_output_tokens if chat is not None else None,
        request_digest=request_digest(call.exchange.body, call.tenant.id),
        input=kept_payload(call.tenant.payloads, stored_input(call)),
    )


def answer_facts(call: Call) -> AnswerFacts:
    """What is told with the answer."""
    assert call.usage is not None
    kept = call.kept
    if kept is not None:
        provider, model = kept.provider, kept.model
    else:
        assert call.target is not None
        provider, model = call.target.provider.name, call.target.model.name
    facts = AnswerFacts(
        correlation_id=call.correlation_id,
        trace_id=call.trace_id,
        route=call.route.name,
        provider=provider,
        model=model,
        usage=call.usage,
        cost_nanousd=call.cost_of(call.usage),
    )
    if call.grounded is not None:
        facts.citations, facts.more = call.grounded.citations, call.grounded.as_fields()
        facts.cited_texts = call.grounded.cited_texts
    return facts


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
    retrieval_ms = call.grounded.retrieval_ms if call.grounded is not None else 0.0
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
        "overhead_ms": round(max(0.0, duration_ms - engine.upstream_wait_s * 1000 - retrieval_ms), 3),
        "retrieval_ms": round(retrieval_ms, 3) if call.grounded is not None else None,
        "first_token_ms": round(call.first_token_ms, 3) if call.first_token_ms is not None else None,
        "attempts": len(engine.attempts),
        "fallback_used": engine.fallback_used,
        "degraded": call.ticket.degraded if call.ticket is not None else False,
        "output": call.output,
    }


def stored_input(call: Call) -> object:
    """What the caller sent, without what was put before the model besides."""
    if isinstance(call.request, EmbeddingRequest):
        return call.request.body.get("input")
    return call.grounded.asked if call.grounded is not None else call.request.body.get("messages")


def stored_output(result: ChatResult) -> JsonObject | None:
    """The message of a whole answer."""
    choices = result.body.get("choices") or [{}]
    message = choices[0].get("message")
    return message if isinstance(message, dict) else None
