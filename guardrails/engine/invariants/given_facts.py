"""Facts as people write and paste them: any part of them in JSON, requests and answers also in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from guardrails.engine.invariants.chat_facts import passages_of, request_of, response_of
from guardrails.engine.invariants.facts import (
    Facts,
    RequestFacts,
    ResponseFacts,
    RetrievalFacts,
    TenantFacts,
    UsageFacts,
    retrieved,
)
from guardrails.engine.invariants.types import fields_of

_PARTS: Final = ("request", "response", "usage", "tenant", "retrieval")
_WIRE_USAGE: Final = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
Part = TypeVar("Part", bound=msgspec.Struct)


def facts_given(value: Any) -> Facts:
    """The facts of a call from JSON.

    Raises:
        ValueError: there is no such part or field, or it is of another type; says which.
    """
    if not isinstance(value, Mapping):
        raise ValueError('Write an object: {"response": {"text": "…"}}.')
    _refuse_unknown("", value, _PARTS)
    answer = value.get("response") or {}
    request = _request(value.get("request") or {})
    usage = value.get("usage") or (answer.get("usage") if isinstance(answer, Mapping) else None) or {}
    return Facts(
        request=request,
        response=_response(answer),
        usage=_usage(usage),
        tenant=_part("tenant", value.get("tenant") or {}, TenantFacts),
        retrieval=_retrieval(value.get("retrieval") or {}, request),
    )


def _request(given: Any) -> RequestFacts:
    messages = given.get("messages") if isinstance(given, Mapping) else None
    if not isinstance(messages, list) or not any(isinstance(one, Mapping) and "content" in one for one in messages):
        return _part("request", given, RequestFacts)
    own = {name: one for name, one in given.items() if name in _OWN}
    stated = _part("request", own, RequestFacts)
    return request_of(given, **{name: getattr(stated, name) for name in own})


_OWN: Final = frozenset(fields_of(RequestFacts)) - {"messages", "tools", "parameters"}


def _response(given: Any) -> ResponseFacts:
    if isinstance(given, str):
        return ResponseFacts(text=given)
    if isinstance(given, Mapping) and isinstance(given.get("choices"), list) and given["choices"]:
        return response_of(given["choices"][0] or {}, given)
    return _part("response", given, ResponseFacts)


def _usage(given: Any) -> UsageFacts:
    if isinstance(given, Mapping) and "prompt_tokens" in given:
        given = {_WIRE_USAGE.get(name, name): one for name, one in given.items() if isinstance(one, int | float)}
    usage = _part("usage", given, UsageFacts)
    total = usage.total_tokens or usage.input_tokens + usage.output_tokens
    return msgspec.structs.replace(usage, total_tokens=total)


def _retrieval(given: Any, request: RequestFacts) -> RetrievalFacts:
    if not given:
        return retrieved(passages_of(request.messages))
    found = _part("retrieval", given, RetrievalFacts)
    return found if found.text else retrieved(found.passages)


def _part(name: str, given: Any, kind: type[Part]) -> Part:
    if isinstance(given, Mapping):
        _refuse_unknown(f"{name}.", given, fields_of(kind))
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise ValueError(f"{name}{path.rstrip('`')}: {problem}.") from None


def _refuse_unknown(where: str, given: Mapping[str, Any], known: Any) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"There is no {where}{name}; there are: {', '.join(known)}.")
