"""Which OpenAI request fields another wire format cannot honour.

Three kinds are told apart: values that change nothing (``n: 1``) are fine everywhere; hints do not change the
answer and are left out; everything else is refused unless the target's ``drop_params`` allow leaving it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from contracts.chat import KNOWN_FIELDS, ChatRequest, JsonObject
from contracts.specs import TargetSpec

HINTS = frozenset({"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "extra_content"})
"""Top-level fields that steer caching or abuse detection at one provider; ``extra_content`` is read by its owner."""

OPENAI_ONLY = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "modalities",
        "prediction",
        "store",
        "verbosity",
        "web_search_options",
    }
)
"""Fields of OpenAI's own API that mean something there and nothing to other providers."""

_CHANGES_NOTHING: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "parallel_tool_calls": (True,),
    "store": (False,),
    "modalities": (["text"],),
}


def asks_for(request: ChatRequest, field: str) -> bool:
    """Whether the request sets ``field`` to something that differs from leaving it out."""
    value = getattr(request, field) if field in KNOWN_FIELDS else request.body.get(field)
    return value is not None and value not in _CHANGES_NOTHING.get(field, ())


def refused(request: ChatRequest, fields: Iterable[str]) -> list[str]:
    """Those of ``fields`` that the request asks for, and all of OpenAI's own that it asks for."""
    found = [field for field in fields if asks_for(request, field)]
    if not OPENAI_ONLY.isdisjoint(request.body):
        found += [field for field in sorted(OPENAI_ONLY.intersection(request.body)) if asks_for(request, field)]
    return found


def without_dropped(found: list[str], target: TargetSpec) -> list[str]:
    """``found`` without what the target may leave out; ``messages[3].name`` is dropped as ``messages.name``."""
    if not target.drop_params:
        return found
    return [name for name in found if _plain(name) not in target.drop_params]


def passed_through(request: ChatRequest, target: TargetSpec) -> Iterator[tuple[str, Any]]:
    """Top-level fields that Breakwater gives no meaning to: they go to the provider as they came."""
    for name, value in request.body.items():
        if name in KNOWN_FIELDS or name in HINTS or name in OPENAI_ONLY or name in target.drop_params:
            continue
        yield name, value


def raw_items(request: ChatRequest, field: str, count: int) -> list[JsonObject]:
    """The wire objects behind a typed list, for the fields that the types leave out."""
    items = request.body.get(field)
    if isinstance(items, list) and len(items) == count:
        return items
    return [{}] * count


def owned(raw: object, provider: str) -> JsonObject:
    """What ``extra_content`` holds for ``provider``; empty when there is nothing or it is malformed."""
    if isinstance(raw, dict):
        mine = raw.get(provider)
        if isinstance(mine, dict):
            return mine
    return {}


def _plain(name: str) -> str:
    head, bracket, rest = name.partition("[")
    return head + rest.partition("]")[2] if bracket else head


def named_function(choice: JsonObject) -> str | None:
    """The function that an object-valued ``tool_choice`` demands; None when it demands something else."""
    function = choice.get("function")
    name = function.get("name") if choice.get("type") == "function" and isinstance(function, dict) else None
    return name if isinstance(name, str) else None
