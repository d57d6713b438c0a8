"""What a call's invariants are judged on: its facts, as the caller knows them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from contracts.chat import ChatChunk, JsonObject, Usage
from gateway.engine.call import Call
from gateway.engine.grounding.citing import addresses
from gateway.engine.settlement import usage_of_stream
from guardrails.engine.invariants.chat_facts import Restore, as_it_is, passages_of, request_of, response_of
from guardrails.engine.invariants.facts import (
    Facts,
    Passage,
    ResponseFacts,
    RetrievalFacts,
    TenantFacts,
    UsageFacts,
    retrieved,
)

NANO: Final = 1_000_000_000


def facts_of(call: Call, body: JsonObject, usage: Usage | None) -> Iterator[tuple[int, Facts]]:
    """The facts of each choice of an answer, with its index; ``usage`` as far as its provider has told by now."""
    if call.cache.hit is not None:
        usage = call.cache.hit.answer.usage
    shared = _shared(call, usage)
    for choice in body.get("choices") or ():
        yield choice.get("index", 0), msgspec.structs.replace(shared, response=_response(call, choice, body))


def _shared(call: Call, usage: Usage | None) -> Facts:
    restored = call.guard.masking.restored if call.guard is not None and call.guard.masking else as_it_is
    request = request_of(
        asked_body(call),
        restored,
        route=call.route.name,
        key=call.key.name,
        user=call.request.user or "",
        tags=call.tags,
        time=dt.datetime.fromtimestamp(call.started_at_ns / NANO, dt.UTC),
    )
    return Facts(
        request=request,
        usage=usage_facts(call, usage),
        tenant=TenantFacts(id=call.tenant.id, slug=call.tenant.slug, plan=call.tenant.plan),
        retrieval=_retrieval(call, passages_of(request.messages), restored),
    )


def asked_body(call: Call) -> JsonObject:
    """The request as the caller sent it: passages that were put before the model are no message of its own."""
    body = call.request.body
    return {**body, "messages": call.grounded.asked} if call.grounded is not None else body


def _retrieval(call: Call, from_tools: list[Passage], restored: Restore) -> RetrievalFacts:
    grounded = call.grounded
    if grounded is None:
        return retrieved(from_tools)
    found = [
        Passage(
            text=restored(one.text),
            source=one.passage.uri or one.passage.external_id,
            title=restored(one.title),
            score=one.passage.score,
        )
        for one in grounded.given
    ]
    judged = grounded.assessment
    if judged is None:
        return retrieved([*found, *from_tools])
    return retrieved([*found, *from_tools], risk=judged.risk, support=judged.support)


def _response(call: Call, choice: JsonObject, body: JsonObject) -> ResponseFacts:
    known: dict[str, Any] = {"cached": call.cache.hit is not None}
    if call.cache.hit is not None:
        known |= {"provider": call.cache.hit.answer.provider, "model": call.cache.hit.answer.model}
    elif call.instead is not None:
        known |= {"provider": call.instead.provider, "model": call.instead.model}
    elif call.target is not None:
        known |= {"provider": call.target.provider.name, "model": call.target.model.name}
    if call.grounded is not None:
        said = (choice.get("message") or {}).get("content")
        known["citations"] = addresses(said, call.grounded.given) if isinstance(said, str) else []
    return response_of(choice, body, **known)


def usage_facts(call: Call, usage: Usage | None) -> UsageFacts:
    """What was used; of a stream whose provider has told nothing, an estimate."""
    usage = usage or usage_of_stream(None, call.tally.characters, call.engine.estimated_input_tokens)
    return UsageFacts(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
        cost_usd=(call.cost_of(usage) or 0) / NANO,
        duration_ms=(time.time_ns() - call.started_at_ns) / 1_000_000,
    )


def withhold(body: JsonObject, withheld: dict[int, str]) -> None:
    """Put other texts in place of choices, by their index, with all that they said."""
    for choice in body.get("choices") or ():
        text = withheld.get(choice.get("index", 0))
        if text is not None:
            choice["message"] = {"role": "assistant", "content": text}
            choice["finish_reason"] = "content_filter"
            choice.pop("logprobs", None)


def without(chunks: list[ChatChunk], withheld: dict[int, str]) -> list[ChatChunk]:
    """The chunks of a stream with other texts in place of choices, by their index, with all that they said."""
    if not withheld:
        return chunks
    going = [
        ChatChunk({**chunk.body, "choices": kept}, chunk.usage)
        for chunk in chunks
        if (kept := [one for one in chunk.body.get("choices") or () if one.get("index", 0) not in withheld])
        or chunk.usage is not None
    ]
    head: JsonObject = {
        name: chunks[0].body[name] for name in ("id", "object", "created", "model") if name in chunks[0].body
    }
    instead = [
        {"index": index, "delta": {"role": "assistant", "content": text}, "finish_reason": "content_filter"}
        for index, text in withheld.items()
    ]
    return [ChatChunk({**head, "choices": instead}), *going]
