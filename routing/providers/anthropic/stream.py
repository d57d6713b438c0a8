"""Anthropic's stream events as chat completion chunks.

Opaque blocks cannot be streamed in OpenAI's shape: each is kept until it is complete and then sent in
``delta.extra_content.anthropic.blocks`` with its position as ``index``, so that a client that merges deltas by index
(as OpenAI's own does) ends up with the list that :mod:`routing.providers.anthropic.blocks` reads.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from contracts.chat import ChatChunk, JsonObject
from contracts.errors import ProviderBadResponse
from routing.providers.anthropic.blocks import PROVIDER, is_opaque, text_stand_in, tool_use_extra
from routing.providers.anthropic.errors import in_stream
from routing.providers.anthropic.response import NAME, ending_of, finish_reason_of, usage_of
from routing.providers.openai_shape import ChunkMaker, arguments_text, decoded
from routing.providers.sse import SseEvent, SseParser

_event = msgspec.json.Decoder(dict[str, Any])
_TEXT_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class AnthropicStream:
    """One streamed message."""

    def __init__(self, model: str) -> None:
        self._sse = SseParser()
        self._make = ChunkMaker(created=int(time.time()), model=model)
        self._usage: JsonObject = {}
        self._open: dict[int, JsonObject] = {}
        self._json: dict[int, list[str]] = {}
        self._call_numbers: dict[int, int] = {}
        self._order: list[JsonObject] = []
        self._sent = 0
        self._keeps_order = False
        self._ended = False

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks completed by ``data``.

        Raises:
            ProviderError: Anthropic sent an ``error`` event, or garbage.
        """
        return self._chunks(self._sse.feed(data))

    def close(self) -> list[ChatChunk]:
        """Nothing is held back; checks that the stop reason came.

        Raises:
            ProviderBadResponse: it did not.
        """
        chunks = self._chunks(self._sse.close())
        if not self._ended:
            raise ProviderBadResponse(f"{NAME}'s stream ended before the answer was complete.")
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[ChatChunk]:
        chunks: list[ChatChunk] = []
        for event in events:
            raw = decoded(_event, event.data, NAME)
            try:
                chunks += self._read(raw)
            except (KeyError, TypeError, AttributeError) as error:
                raise ProviderBadResponse(f"{NAME} sent a malformed {raw.get('type')!r} event.") from error
        return chunks

    def _read(self, raw: JsonObject) -> list[ChatChunk]:
        kind = raw["type"]
        if kind == "content_block_delta":
            return self._delta(raw["index"], raw["delta"])
        if kind == "content_block_start":
            return self._start(raw["index"], dict(raw["content_block"]))
        if kind == "content_block_stop":
            return self._stop(raw["index"])
        if kind == "message_start":
            return self._message_start(raw["message"])
        if kind == "message_delta":
            return self._message_delta(raw)
        if kind == "error":
            raise in_stream(raw)
        # ping, message_stop, and kinds that Anthropic reserves the right to add.
        return []

    def _message_start(self, message: JsonObject) -> list[ChatChunk]:
        self._make.id = message["id"]
        self._make.model = message["model"]
        self._usage = dict(message["usage"])
        # Marked as an estimate: the output is not counted yet, so a call that breaks off is not billed by it.
        so_far = msgspec.structs.replace(usage_of(self._usage), estimated=True)
        return [self._make.chunk({"role": "assistant", "content": ""}, usage=so_far)]

    def _message_delta(self, raw: JsonObject) -> list[ChatChunk]:
        self._usage |= {name: value for name, value in (raw.get("usage") or {}).items() if value is not None}
        delta = raw["delta"]
        stop_reason = delta.get("stop_reason")
        if stop_reason is None:
            return []
        self._ended = True
        usage = usage_of(self._usage)
        last = self._make.chunk({}, finish_reason=finish_reason_of(stop_reason), usage=usage)
        fields = {**delta, "context_management": raw.get("context_management")}
        last.body["extra_content"] = ending_of(fields, self._usage)
        return [last, self._make.usage_chunk(usage)]

    def _start(self, index: int, block: JsonObject) -> list[ChatChunk]:
        self._open[index] = block
        kind = block["type"]
        if kind == "text":
            if any(entry["type"] == "text" for entry in self._order):
                # Two texts in a row: tell them apart before the second begins.
                self._keeps_order = True
            return [*self._pending(), *self._text(block.get("text") or "")]
        if kind == "tool_use":
            return self._tool_use(index, block)
        if kind == "thinking" and block.get("thinking"):
            return [self._make.chunk({"reasoning_content": block["thinking"]})]
        return []

    def _tool_use(self, index: int, block: JsonObject) -> list[ChatChunk]:
        number = self._call_numbers[index] = len(self._call_numbers)
        given = block.get("input")
        call: JsonObject = {
            "index": number,
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": arguments_text(given) if given else ""},
        }
        extra = tool_use_extra(block)
        if extra:
            call["extra_content"] = extra
        if given:
            self._json[index] = [call["function"]["arguments"]]
        return [self._make.chunk({"tool_calls": [call]})]

    def _delta(self, index: int, delta: JsonObject) -> list[ChatChunk]:
        block = self._open[index]
        kind = delta["type"]
        if kind == "input_json_delta":
            return self._input_json(index, block, delta["partial_json"])
        if kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            return []
        field = _TEXT_DELTAS.get(kind)
        if field is None:
            return []
        text = delta[field]
        block[field] = (block.get(field) or "") + text
        if field == "text":
            return self._text(text)
        return [self._make.chunk({"reasoning_content": text})] if field == "thinking" and text else []

    def _text(self, text: str) -> list[ChatChunk]:
        return [self._make.chunk({"content": text})] if text else []

    def _input_json(self, index: int, block: JsonObject, piece: str) -> list[ChatChunk]:
        if not piece:
            return []
        self._json.setdefault(index, []).append(piece)
        if block["type"] != "tool_use":
            return []
        call = {"index": self._call_numbers[index], "function": {"arguments": piece}}
        return [self._make.chunk({"tool_calls": [call]})]

    def _stop(self, index: int) -> list[ChatChunk]:
        block = self._open.pop(index)
        kind = block["type"]
        pieces = self._json.pop(index, None)
        if kind == "tool_use":
            self._order.append({"type": "tool_use"})
            if pieces is None:
                # A call without arguments: OpenAI's clients parse the text, so it must be JSON.
                call = {"index": self._call_numbers[index], "function": {"arguments": "{}"}}
                return [*self._pending(), self._make.chunk({"tool_calls": [call]})]
        elif kind == "text" and not block.get("text"):
            pass
        elif kind == "text":
            stand_in = text_stand_in(block)
            self._order.append(stand_in)
            self._keeps_order |= len(stand_in) > 2
        elif is_opaque(block):
            if pieces:
                block["input"] = _decoded_input("".join(pieces))
            self._order.append(block)
            self._keeps_order = True
        return self._pending()

    def _pending(self) -> list[ChatChunk]:
        """The entries of the block order that were not sent yet, once it is known that the order matters."""
        if not self._keeps_order or self._sent == len(self._order):
            return []
        entries = [
            {"index": number, **entry} for number, entry in enumerate(self._order[self._sent :], start=self._sent)
        ]
        self._sent = len(self._order)
        return [self._make.chunk({"extra_content": {PROVIDER: {"blocks": entries}}})]


def _decoded_input(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderBadResponse(f"{NAME} sent a tool's input that is not JSON.") from error
