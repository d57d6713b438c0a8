"""A streamed answer as Anthropic's server-sent events."""

from __future__ import annotations

import msgspec

from contracts.chat import ChatChunk, JsonObject, Usage
from contracts.errors import GatewayError
from gateway.formats.base import AnswerFacts
from gateway.formats.messages_answer import error_object, message_id, stop_fields, usage_object
from gateway.formats.messages_citations import citations_of
from gateway.formats.messages_content import anthropic_extra, image_block
from routing.providers.anthropic.blocks import PROVIDER
from routing.providers.openai_fields import owned

_encode = msgspec.json.Encoder().encode


def event(body: JsonObject) -> bytes:
    """One event, named after its ``type``."""
    name: str = body["type"]
    return b"event: " + name.encode() + b"\ndata: " + _encode(body) + b"\n\n"


class _ToolBlock:
    """A tool call that is being streamed; ``index`` is None until its name is known."""

    __slots__ = ("extra", "id", "index", "name", "waiting")

    def __init__(self) -> None:
        self.index: int | None = None
        self.id = ""
        self.name = ""
        self.extra: JsonObject = {}
        self.waiting = ""


class MessagesStream:
    """One streamed answer. At most one block is open; its kind is ``text``, ``thinking`` or ``tool_use``."""

    def __init__(self, *, correlation_id: str, model: str, estimated_input_tokens: int) -> None:
        self._correlation_id = correlation_id
        self._model = model
        self._estimate = estimated_input_tokens
        self._started = False
        self._open: str | None = None
        self._next_index = 0
        self._tools: dict[int, _ToolBlock] = {}
        self._finish_reason: str | None = None
        self._ending: JsonObject = {}

    def feed(self, chunk: ChatChunk) -> bytes:
        """The events that one chunk causes; no choice but the first exists in this format."""
        body = chunk.body
        out: list[bytes] = [] if self._started else [self._start(body, chunk.usage)]
        self._ending = anthropic_extra(body) or self._ending
        for choice in body.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._delta(choice.get("delta") or {}, out)
                self._finish_reason = choice.get("finish_reason") or self._finish_reason
        return b"".join(out)

    def finish(self, facts: AnswerFacts) -> bytes:
        """The end of the open block and of the message."""
        out: list[bytes] = [] if self._started else [self._start({}, facts.usage)]
        if self._open == "text":
            for citation in citations_of(facts).values():
                self._write({"type": "citations_delta", "citation": citation}, out)
        self._flush_tools(out)
        self._close(out)
        fields = {
            "type": "message_delta",
            "delta": stop_fields(self._finish_reason, self._ending),
            "usage": usage_object(facts.usage, self._ending),
            **facts.as_fields(),
        }
        return b"".join([*out, event(fields), event({"type": "message_stop"})])

    def error(self, error: GatewayError) -> bytes:
        """An ``error`` event; Anthropic's clients raise on it."""
        return event(error_object(error, self._correlation_id))

    def _start(self, body: JsonObject, usage: Usage | None) -> bytes:
        self._started = True
        known = usage or Usage(input_tokens=self._estimate, estimated=True)
        message: JsonObject = {
            "id": message_id(body.get("id"), self._correlation_id),
            "type": "message",
            "role": "assistant",
            "model": body.get("model") or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(known, {}),
        }
        return event({"type": "message_start", "message": message})

    def _delta(self, delta: JsonObject, out: list[bytes]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            self._ensure("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            self._write({"type": "thinking_delta", "thinking": reasoning}, out)
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            extra = _foreign(delta)
            self._ensure("text", {"type": "text", "text": "", **extra}, out)
            self._write({"type": "text_delta", "text": text}, out)
        for call in delta.get("tool_calls") or ():
            self._tool_delta(call, out)
        for image in delta.get("images") or ():
            self._whole_block(image_block(image), out)
        for block in owned(delta.get("extra_content"), PROVIDER).get("blocks") or ():
            self._whole_block({name: value for name, value in block.items() if name != "index"}, out)

    def _tool_delta(self, call: JsonObject, out: list[bytes]) -> None:
        number = call.get("index", 0)
        tool = self._tools.get(number)
        if tool is None:
            tool = self._tools[number] = _ToolBlock()
        function = call.get("function") or {}
        tool.id = tool.id or call.get("id") or ""
        tool.name = tool.name or function.get("name") or ""
        tool.extra = {**tool.extra, **(call.get("extra_content") or {})}
        tool.waiting += function.get("arguments") or ""
        if tool.index is None and not tool.name:
            return
        if tool.index is None:
            self._start_tool(number, tool, out)
        if tool.waiting:
            # A late piece of an earlier call still goes to that call's block: clients add up by index.
            self._write({"type": "input_json_delta", "partial_json": tool.waiting}, out, tool.index)
            tool.waiting = ""

    def _start_tool(self, number: int, tool: _ToolBlock, out: list[bytes]) -> None:
        block: JsonObject = {
            "type": "tool_use",
            "id": tool.id or f"toolu_{self._correlation_id}_{number}",
            "name": tool.name,
            "input": {},
            **owned(tool.extra, PROVIDER),
        }
        foreign = {name: value for name, value in tool.extra.items() if name != PROVIDER}
        if foreign:
            block["extra_content"] = foreign
        self._close(out)
        tool.index = self._next_index
        self._ensure("tool_use", block, out)

    def _flush_tools(self, out: list[bytes]) -> None:
        """Calls whose name never came; the client sees them as they are."""
        for number, tool in self._tools.items():
            if tool.index is None:
                self._start_tool(number, tool, out)
                self._write({"type": "input_json_delta", "partial_json": tool.waiting}, out)

    def _whole_block(self, block: JsonObject, out: list[bytes]) -> None:
        """An entry of Anthropic's block order: the end of what was streamed, or an opaque block."""
        kind = block.get("type")
        if kind == "tool_use":
            return
        if kind == "text":
            if self._open == "text":
                for citation in block.get("citations") or ():
                    self._write({"type": "citations_delta", "citation": citation}, out)
                self._close(out)
            return
        if kind == "thinking":
            if self._open != "thinking":
                self._ensure("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            self._write({"type": "signature_delta", "signature": block.get("signature") or ""}, out)
        else:
            self._close(out)
            self._ensure("whole", block, out)
        self._close(out)

    def _ensure(self, kind: str, block: JsonObject, out: list[bytes]) -> None:
        """Open a block of this kind unless one is open."""
        if self._open == kind:
            return
        self._close(out)
        out.append(event({"type": "content_block_start", "index": self._next_index, "content_block": block}))
        self._next_index += 1
        self._open = kind

    def _write(self, delta: JsonObject, out: list[bytes], index: int | None = None) -> None:
        number = self._next_index - 1 if index is None else index
        out.append(event({"type": "content_block_delta", "index": number, "delta": delta}))

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            out.append(event({"type": "content_block_stop", "index": self._next_index - 1}))
            self._open = None


def _foreign(delta: JsonObject) -> JsonObject:
    """Other providers' content that comes with a text; it can only be given out as its block begins."""
    extra = delta.get("extra_content")
    foreign = {name: value for name, value in extra.items() if name != PROVIDER} if isinstance(extra, dict) else {}
    return {"extra_content": foreign} if foreign else {}
