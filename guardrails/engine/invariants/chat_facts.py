"""Facts of a call in OpenAI's chat shape, wherever it was seen: in the gateway, in stored events, in a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from guardrails.engine.invariants.facts import Message, Passage, RequestFacts, ResponseFacts, ToolCall
from guardrails.engine.invariants.value_functions import json_of

Restore = Callable[[str], str]
_HAVE_FIELDS: Final = frozenset({"model", "messages", "stream", "tools", "user", "tags", "max_tokens"})
"""Of the body, that facts name; all others are parameters."""
_TOOL_ROLES: Final = frozenset({"tool", "function"})


def as_it_is(text: str) -> str:
    """The text."""
    return text


def request_of(body: Mapping[str, Any], restored: Restore = as_it_is, **known: Any) -> RequestFacts:
    """What a chat request's body says; ``known`` are fields that it does not say, ``restored`` undoes masking."""
    messages = messages_of(body.get("messages") or (), restored)
    systems = [message.text for message in messages if message.role in ("system", "developer")]
    prompts = [message.text for message in messages if message.role == "user"]
    functions = [tool.get("function") for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    fields: dict[str, Any] = {
        "model": str(body.get("model") or ""),
        "user": str(body.get("user") or ""),
        "stream": bool(body.get("stream")),
        "max_tokens": _whole(body.get("max_completion_tokens") or body.get("max_tokens")),
        "tools": [str(one["name"]) for one in functions if isinstance(one, Mapping) and one.get("name")],
        "messages": messages,
        "system": "\n\n".join(systems),
        "prompt": prompts[-1] if prompts else "",
        "parameters": {name: value for name, value in body.items() if name not in _HAVE_FIELDS},
    }
    return RequestFacts(**(fields | known))


def messages_of(given: Iterable[Any], restored: Restore = as_it_is) -> list[Message]:
    """The messages of a prompt."""
    return [
        Message(
            role=str(one.get("role") or ""),
            text=restored(text_of_content(one.get("content"))),
            name=str(one.get("name") or one.get("tool_call_id") or ""),
            tool_calls=tool_calls_of(one.get("tool_calls"), restored),
        )
        for one in given
        if isinstance(one, Mapping)
    ]


def passages_of(messages: Iterable[Message]) -> list[Passage]:
    """What tools gave."""
    return [Passage(text=message.text, source=message.name) for message in messages if message.role in _TOOL_ROLES]


def response_of(choice: Mapping[str, Any], body: Mapping[str, Any], **known: Any) -> ResponseFacts:
    """What one choice of an answer says."""
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    fields: dict[str, Any] = {
        "text": text_of_content(message.get("content")),
        "reasoning": _text(message.get("reasoning_content") or message.get("reasoning")),
        "refusal": _text(message.get("refusal")),
        "finish_reason": _text(choice.get("finish_reason")),
        "tool_calls": tool_calls_of(message.get("tool_calls")),
        "citations": _citations(message, body),
        "model": _text(body.get("model")),
    }
    return ResponseFacts(**(fields | known))


def text_of_content(content: Any) -> str:
    """The text of a message's content: a text, or the texts of its parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "\n".join(part for part in parts if isinstance(part, str))


def tool_calls_of(given: Any, restored: Restore = as_it_is) -> list[ToolCall]:
    """Tool calls with their arguments as objects."""
    found = []
    for one in given if isinstance(given, list) else ():
        function = one.get("function") if isinstance(one, Mapping) else None
        if isinstance(function, Mapping):
            written = restored(_text(function.get("arguments")))
            arguments = json_of(written)
            found.append(
                ToolCall(name=_text(function.get("name")), arguments=written if arguments is None else arguments)
            )
    return found


def _citations(message: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    found = [one for one in body.get("citations") or () if isinstance(one, str)]
    for annotation in message.get("annotations") or ():
        cited = annotation.get("url_citation") if isinstance(annotation, Mapping) else None
        if isinstance(cited, Mapping) and isinstance(cited.get("url"), str):
            found.append(cited["url"])
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
