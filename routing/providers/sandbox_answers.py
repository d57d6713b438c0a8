"""What the sandbox answers: a pure function of the conversation.

It repeats what it was asked, calls the tools that the question names, reports their results and fills in a schema,
so that an application can be built against it and a test can foresee it.
"""

from __future__ import annotations

import hashlib
import math
import re
from itertools import pairwise
from typing import Any

import msgspec

from contracts.chat import JsonObject
from routing.providers.sandbox_schema import sample

DEFAULT_DIMENSIONS = 256
MAX_ARGUMENT_CHARS = 200

_TOKEN = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+")
_WORD = re.compile(r"\w+")
_FILLER = "The sandbox goes on with plain words until the answer has the length that was asked for ."


class SandboxTool(msgspec.Struct, frozen=True):
    """A tool on offer; ``parameters`` is its JSON Schema."""

    name: str
    parameters: JsonObject = msgspec.field(default_factory=dict)


class Conversation(msgspec.Struct, kw_only=True):
    """What the answer depends on."""

    question: str = ""
    """The last user message's text."""
    images: int = 0
    """In the last user message."""
    tool_results: tuple[str, ...] = ()
    """Those after the last user message."""
    tools: tuple[SandboxTool, ...] = ()
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required`` or the name of a tool."""
    parallel_tool_calls: bool = True
    wants_json: bool = False
    schema: JsonObject | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    output_tokens: int | None = None
    """Exactly so many tokens of text, whatever the question."""
    reply: str | None = None
    """Answer this text instead."""


class SandboxCall(msgspec.Struct, frozen=True):
    """A tool call; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


class SandboxAnswer(msgspec.Struct, frozen=True):
    """Text or tool calls; ``finish_reason`` in OpenAI's words."""

    text: str
    calls: tuple[SandboxCall, ...] = ()
    finish_reason: str = "stop"

    @property
    def tokens(self) -> int:
        """Of the text and of the calls."""
        return count_tokens(self.text) + sum(count_tokens(call.name + call.arguments) for call in self.calls)


def answer(conversation: Conversation) -> SandboxAnswer:
    """The one answer to this conversation."""
    called = _called_tools(conversation)
    if called:
        return SandboxAnswer("", tuple(_call(tool, conversation, n) for n, tool in enumerate(called)), "tool_calls")
    text = _text(conversation)
    for stop in conversation.stop:
        at = text.find(stop) if stop else -1
        if at >= 0:
            text = text[:at]
    pieces = tokens_of(text)
    if conversation.max_tokens is not None and len(pieces) > conversation.max_tokens:
        return SandboxAnswer("".join(pieces[: conversation.max_tokens]), (), "length")
    return SandboxAnswer(text)


def tokens_of(text: str) -> list[str]:
    """The text cut into what counts as one token here; joined they are the text again."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens the text has here."""
    return len(tokens_of(text))


def embedding(text: str, dimensions: int = DEFAULT_DIMENSIONS) -> list[float]:
    """A unit vector by feature hashing of words and pairs of words: texts that share words are close.

    Weinberger et al., 'Feature Hashing for Large Scale Multitask Learning', 2009.
    """
    words = _WORD.findall(text.lower()) or [text]
    vector = [0.0] * dimensions
    for feature in [*words, *(f"{one} {two}" for one, two in pairwise(words))]:
        digest = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        vector[(digest >> 1) % dimensions] += 1.0 if digest & 1 else -1.0
    length = math.hypot(*vector)
    if length == 0.0:  # features that cancel each other out
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def _called_tools(conversation: Conversation) -> list[SandboxTool]:
    choice, tools = conversation.tool_choice, conversation.tools
    if choice == "none" or not tools or conversation.tool_results:
        return []
    if choice not in {"auto", "required"}:
        return [tool for tool in tools if tool.name == choice]
    named = [tool for tool in tools if _names(conversation.question, tool.name)]
    if not named and choice == "required":
        named = [tools[0]]
    return named if conversation.parallel_tool_calls else named[:1]


def _names(question: str, tool: str) -> bool:
    """Whether the question holds the tool's name or the last word of it (``get_weather``: weather)."""
    asked = {word for word in _WORD.findall(question.lower())}
    parts = [part for part in re.split(r"[\W_]+", tool.lower()) if part]
    return tool.lower() in asked or bool(parts and parts[-1] in asked)


def _call(tool: SandboxTool, conversation: Conversation, number: int) -> SandboxCall:
    arguments = _json(sample(tool.parameters or {"type": "object"}, conversation.question[:MAX_ARGUMENT_CHARS]))
    digest = hashlib.blake2b(f"{number}:{tool.name}:{arguments}".encode(), digest_size=12).hexdigest()
    return SandboxCall(f"call_{digest}", tool.name, arguments)


def _text(conversation: Conversation) -> str:
    question = conversation.question
    if conversation.output_tokens is not None:
        filler = tokens_of(" " + _FILLER)
        return "".join(filler[n % len(filler)] for n in range(conversation.output_tokens)).lstrip()
    if conversation.reply is not None:
        return conversation.reply
    if conversation.schema is not None:
        return _json(sample(conversation.schema, question))
    if conversation.wants_json:
        return _json({"answer": question})
    if conversation.tool_results:
        return "The tools said: " + "; ".join(conversation.tool_results)
    seen = f" (with {conversation.images} image{'s' if conversation.images > 1 else ''})" if conversation.images else ""
    return f"You said{seen}: {question}" if question else f"Hello{seen}."


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
