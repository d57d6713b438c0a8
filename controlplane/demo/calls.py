"""The events of planned calls: the ones that the gateway emits, in its order. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from contracts.events import (
    AttemptCancelled,
    AttemptCompleted,
    AttemptFailed,
    BreakerStateChanged,
    CacheHit,
    CacheMissed,
    DecisionMade,
    EventContext,
    EventPayload,
    FallbackUsed,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
    RequestStarted,
    SkippedTarget,
)
from controlplane.demo.conversations import texts
from controlplane.demo.incidents import Change
from controlplane.demo.past import Told
from controlplane.demo.traffic import Attempt, Lookup, PlannedCall

_MESSAGES = {
    "PROVIDER_UNAVAILABLE": ("{} answered 503: The server is overloaded or not ready yet.", 503, 503),
    "PROVIDER_RATE_LIMITED": ("{} answered 429: Rate limit reached for requests.", 429, 429),
    "PROVIDER_TIMEOUT": ("{} did not give the first token within 30000 ms.", 504, None),
    "PROVIDER_CONTENT_FILTERED": ("{} refused the prompt: its content filter was triggered.", 400, 400),
    "CLIENT_DISCONNECTED": ("The client closed the connection before the answer was complete.", 499, None),
    "NO_TARGET_AVAILABLE": ("Every target of the route is suspended: {}.", 503, None),
}
"""Sentence, the status that the caller got, the status that the provider gave."""
_MAX_OUTPUT = 4_096
"""What the demo's applications ask for, whatever they need."""


def events_of(call: PlannedCall, context: EventContext) -> Iterator[Told]:
    """The call's events, in the order of time."""
    at = float(call.at_ms)
    screened = call.screened
    for guarded in screened.on_prompt if screened is not None else ():
        yield _told(guarded, context, at + call.overhead_ms / 2)
    if call.refusal is not None:
        yield _told(_rejected(call), context, at + call.overhead_ms)
        return
    prompt = reply = None
    if screened is not None:
        plan = call.tenant.plan
        prompt, reply = texts(plan.topic, screened.prompt, screened.answer, plan.payload_storage, call.streamed)
    common = _common(call)
    yield _told(
        RequestStarted(
            **common,
            requested_model=call.degraded_from or call.route.row.name,
            estimated_input_tokens=call.usage.input_tokens,
            max_output_tokens=_MAX_OUTPUT,
            request_digest=_digest(call),
            input=prompt,
        ),
        context,
        at,
    )
    at += call.overhead_ms
    if call.lookup is not None:
        yield _told(_looked_up(call, call.lookup), context, at)
    if not call.is_hit:
        yield _told(_decision(call), context, at)
    for place, attempt in enumerate(call.attempts):
        at += attempt.duration_ms
        yield _told(_attempted(call, attempt, place), context, at)
        at += attempt.pause_ms
        if place + 1 < len(call.attempts) and call.attempts[place + 1].target is not attempt.target:
            following = call.attempts[place + 1].target.label
            moved = FallbackUsed(from_target=attempt.target.label, to_target=following, reason=attempt.error)
            yield _told(moved, context, at)
    if screened is not None and not call.error and not call.is_hit:
        for guarded in screened.on_answer:
            yield _told(guarded, context, at)
    yield _told(_ended(call, common, reply), context, at)


def _digest(call: PlannedCall) -> str:
    """One conversation in sixteen is asked again and again, word for word; all others once."""
    words = [str(call.tenant.row.pk), call.route.row.name, str(call.talk)]
    if call.talk % 16:
        words.append(str(call.at_ms))
    return hashlib.blake2b("\n".join(words).encode(), digest_size=12).hexdigest()


def change_told(change: Change) -> Told:
    """A circuit's change; it is no tenant's."""
    event = BreakerStateChanged(
        target_id=change.target.id,
        target=change.target.label,
        old_state=change.old,
        new_state=change.new,
        reason=change.reason,
        failure_rate=0.97 if change.reason == "failure_rate" else None,
        calls=20 if change.reason == "failure_rate" else 1,
    )
    return _told(event, EventContext(), float(change.at_ms))


def _told(event: EventPayload, context: EventContext, at_ms: float) -> Told:
    return event, context, int(at_ms * 1_000) * 1_000


def _common(call: PlannedCall) -> dict[str, Any]:
    embeddings = call.route.plan.embeddings
    return {
        "endpoint": "/v1/embeddings" if embeddings else "/v1/chat/completions",
        "operation": "embeddings" if embeddings else "chat",
        "key_id": call.key_id,
        "team_id": str(call.key.row.team_id),
        "stream": call.streamed,
        "user": call.user,
        "tags": {"feature": call.key.plan.feature, "env": "staging" if "staging" in call.key.plan.name else "prod"},
    }


def _decision(call: PlannedCall) -> DecisionMade:
    return DecisionMade(
        route=call.route.row.name,
        route_reason="budget" if call.degraded_from else "model",
        strategy=call.route.plan.strategy,
        targets=[target.label for target in call.order if target not in call.skipped],
        skipped=[SkippedTarget(target.label, "breaker_open") for target in call.skipped],
    )


def _looked_up(call: PlannedCall, lookup: Lookup) -> EventPayload:
    route, target = call.route.row.name, call.order[0]
    if not lookup.found:
        return CacheMissed(route=route, key_id=call.key_id, reason="absent")
    return CacheHit(
        route=route,
        provider=target.provider,
        model=target.model,
        key_id=call.key_id,
        source="redis",
        age_s=lookup.age_s,
        saved_nanousd=lookup.saved_nanousd,
    )


def _attempted(call: PlannedCall, attempt: Attempt, place: int) -> EventPayload:
    target = attempt.target
    facts: dict[str, Any] = {
        "attempt": place + 1,
        "target_id": target.id,
        "provider": target.provider,
        "model": target.model,
        "duration_ms": attempt.duration_ms,
    }
    if not attempt.error:
        return AttemptCompleted(
            **facts,
            first_token_ms=call.first_token_ms,
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
        )
    if attempt.error == "CLIENT_DISCONNECTED":
        return AttemptCancelled(**facts, reason="client_disconnected")
    message, _, upstream = _MESSAGES[attempt.error]
    return AttemptFailed(
        **facts,
        error_code=attempt.error,
        error_message=message.format(target.label),
        upstream_status=upstream,
        will_retry=place + 1 < len(call.attempts),
        retry_in_ms=attempt.pause_ms or None,
    )


def _ended(call: PlannedCall, common: dict[str, Any], reply: Any) -> EventPayload:
    target = call.served_by
    billed = call.usage if call.error in ("", "CLIENT_DISCONNECTED") else None
    facts: dict[str, Any] = {
        **common,
        "input_tokens": billed.input_tokens if billed else 0,
        "output_tokens": billed.output_tokens if billed else 0,
        "cached_input_tokens": billed.cached_input_tokens if billed else 0,
        "usage_estimated": bool(billed and billed.estimated),
        "cost_nanousd": call.cost_nanousd,
        "duration_ms": round(call.duration_ms, 3),
        "overhead_ms": call.overhead_ms,
        "first_token_ms": call.first_token_ms,
        "attempts": len(call.attempts),
        "fallback_used": len({attempt.target.id for attempt in call.attempts}) > 1,
        "route": call.route.row.name,
    }
    if not call.error and target is not None:
        embeddings = call.route.plan.embeddings
        finish = None if embeddings else "stop"
        return RequestCompleted(
            **facts,
            provider=target.provider,
            model=target.model,
            finish_reason=finish,
            output=reply,
            cached=call.is_hit,
        )
    message, status, _ = _MESSAGES[call.error]
    shown = target.label if target is not None else ", ".join(each.label for each in call.order)
    return RequestFailed(
        **facts,
        requested_model=call.route.row.name,
        provider=target.provider if target is not None else None,
        model=target.model if target is not None else None,
        error_code=call.error,
        error_message=message.format(shown),
        http_status=status,
        retryable=status in (429, 503, 504),
    )


def _rejected(call: PlannedCall) -> RequestRejected:
    error = call.refusal
    assert error is not None
    return RequestRejected(
        endpoint="/v1/embeddings" if call.route.plan.embeddings else "/v1/chat/completions",
        error_code=error.code,
        error_message=error.message,
        http_status=error.status,
        key_id=call.key_id,
        details=error.details,
    )
