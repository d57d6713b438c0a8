"""Anthropic's Messages API, emulated: ``python -m tests.upstreams.anthropic --port 9101``.

It answers what a request asks for: JSON for a schema, calls of the offered tools until they have results (all of them
unless parallel calls are off), thinking where it is on, otherwise an echo of the last text, within ``max_tokens`` and
the stop sequences. ``answers`` takes content blocks to be given instead, in order.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any

import msgspec

from tests.upstreams.anthropic_schema import (
    ChoiceAny,
    ChoiceNone,
    ChoiceTool,
    Document,
    Image,
    Refused,
    Request,
    Text,
    Thinking,
    ThinkingAdaptive,
    ThinkingEnabled,
    ToolResult,
    read_request,
)
from tests.upstreams.schema_sample import sample
from tests.upstreams.server import Reply, SeenRequest, run_alone

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
REQUEST_ID = "req_011CSHoEeqs5C35K2UUqR7Fy"
VERSIONS = ("2023-06-01", "2026-10-21")
MODELS = ("claude-",)
CACHE_TOKENS = 128


class AnthropicUpstream:
    """``context_window`` in (emulated) tokens: words of the prompt."""

    def __init__(self, *, api_key: str | None = None, context_window: int = 200_000) -> None:
        self.api_key = api_key
        self.context_window = context_window
        self.answers: deque[list[dict[str, Any]]] = deque()
        self.requests: deque[Request] = deque(maxlen=100)
        """What was asked last, checked and typed."""

    def handle(self, request: SeenRequest) -> Reply:
        """The answer, or the error that Anthropic would give."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        counting = request.path.endswith("/count_tokens")
        try:
            asked = read_request(request.body, counting=counting)
            if request.headers["anthropic-version"] == VERSIONS[1]:
                _check_removed(asked)
            _check_signatures(asked)
        except Refused as error:
            return self.error(400, str(error))
        if not asked.model.startswith(MODELS):
            return self.error(404, f"model: {asked.model}")
        tokens = prompt_tokens(asked)
        if tokens > self.context_window:
            return self.error(400, f"prompt is too long: {tokens} tokens > {self.context_window} maximum")
        if counting:
            return Reply.json({"input_tokens": tokens})
        self.requests.append(asked)
        message = self._message(asked, tokens)
        headers = {"request-id": REQUEST_ID, "anthropic-ratelimit-requests-remaining": "3999"}
        if asked.stream:
            return Reply.events(stream_of(message), headers)
        return Reply.json(message, headers=headers)

    def error(self, status: int, message: str) -> Reply:
        """Anthropic's error shape."""
        error = {"type": ERROR_TYPES.get(status, "api_error"), "message": message}
        body = {"type": "error", "error": error, "request_id": REQUEST_ID}
        return Reply.json(body, status, {"request-id": REQUEST_ID})

    def _refused(self, request: SeenRequest) -> Reply | None:
        """What is checked before the body."""
        if request.path not in ("/v1/messages", "/v1/messages/count_tokens"):
            return self.error(404, "Not Found")
        if request.method != "POST":
            return self.error(405, "Method Not Allowed")
        # The newest official clients send the key as a bearer token, everything else sends ``x-api-key``.
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = request.headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")
        if not key:
            return self.error(401, "x-api-key header is required")
        if self.api_key is not None and key != self.api_key:
            return self.error(401, "invalid x-api-key")
        if request.headers.get("anthropic-version") not in VERSIONS:
            return self.error(400, "anthropic-version: header is required")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return self.error(400, "content-type: must be application/json")
        return None

    def _message(self, asked: Request, tokens: int) -> dict[str, Any]:
        content = self.answers.popleft() if self.answers else answer_to(asked)
        stop_reason, stop_sequence = _cut(asked, content)
        cached = CACHE_TOKENS if b"cache_control" in msgspec.json.encode(asked) else 0
        thought = sum(_words(block.get("thinking", "")) for block in content)
        usage: dict[str, Any] = {
            "input_tokens": tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": max(1, sum(_block_tokens(block) for block in content)),
            "service_tier": "standard",
        }
        if thought:
            usage["output_tokens_details"] = {"thinking_tokens": thought}
        return {
            "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": stop_sequence,
            "usage": usage,
        }


def signature_of(thinking: str) -> str:
    """The signature that this emulator gives and wants back."""
    return "Erk" + hashlib.sha256(thinking.encode()).hexdigest()


def prompt_tokens(asked: Request) -> int:
    """Words of everything in the prompt, as this emulator's tokens."""
    return _words(msgspec.json.encode([asked.messages, asked.system, asked.tools]).decode())


def answer_to(asked: Request) -> list[dict[str, Any]]:
    """Content blocks that fit the request."""
    blocks: list[dict[str, Any]] = []
    if isinstance(asked.thinking, ThinkingEnabled | ThinkingAdaptive):
        thought = "Let me think about it step by step."
        shown = "" if asked.thinking.display == "omitted" else thought
        blocks.append({"type": "thinking", "thinking": shown, "signature": signature_of(shown)})
    last = asked.messages[-1].blocks
    has_results = any(isinstance(block, ToolResult) for block in last)
    forced = isinstance(asked.tool_choice, ChoiceAny | ChoiceTool)
    if asked.tools and not isinstance(asked.tool_choice, ChoiceNone) and (forced or not has_results):
        return blocks + _calls(asked)
    form = asked.output_config.format if asked.output_config else None
    if form is not None:
        return [*blocks, {"type": "text", "text": msgspec.json.encode(sample(form.schema)).decode()}]
    return [*blocks, {"type": "text", "text": _echo(asked)}]


def stream_of(message: dict[str, Any]) -> list[bytes]:
    """The message as Anthropic streams it, with a ping, one event a piece."""
    content, usage = message["content"], message["usage"]
    first = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": first}]
    for index, block in enumerate(content):
        start, deltas = _streamed(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        if index == 0:
            events.append({"type": "ping"})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    counted = {name: value for name, value in usage.items() if name not in ("cache_creation", "service_tier")}
    events += [{"type": "message_delta", "delta": delta, "usage": counted}, {"type": "message_stop"}]
    return [sse(event) for event in events]


def sse(event: dict[str, Any]) -> bytes:
    """One named event."""
    return f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block["type"]
    if kind == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block.get("citations") or ()]
        return {"type": "text", "text": ""} | ({"citations": []} if "citations" in block else {}), deltas
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if kind in ("tool_use", "server_tool_use"):
        text = msgspec.json.encode(block["input"]).decode()
        pieces = ["", *(text[start : start + 5] for start in range(0, len(text), 5))] if block["input"] else [""]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block, []


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [word if number == 0 else f" {word}" for number, word in enumerate(words)] if text else []


def _calls(asked: Request) -> list[dict[str, Any]]:
    tools = asked.tools or []
    if isinstance(asked.tool_choice, ChoiceTool):
        tools = [tool for tool in tools if tool.name == asked.tool_choice.name]
    if asked.tool_choice is not None and getattr(asked.tool_choice, "disable_parallel_tool_use", False):
        tools = tools[:1]
    return [
        {"type": "tool_use", "id": f"toolu_01{number:022d}", "name": tool.name, "input": sample(tool.input_schema)}
        for number, tool in enumerate(tools)
    ]


def _echo(asked: Request) -> str:
    blocks = asked.messages[-1].blocks
    texts, images, documents = [], 0, 0
    for block in blocks:
        inner: list[Any] = (
            block.content if isinstance(block, ToolResult) and isinstance(block.content, list) else [block]
        )
        if isinstance(block, ToolResult) and isinstance(block.content, str):
            texts.append(block.content)
        texts += [part.text for part in inner if isinstance(part, Text)]
        images += sum(isinstance(part, Image) for part in inner)
        documents += sum(isinstance(part, Document) for part in inner)
    seen = f" [{images} images, {documents} documents]" if images or documents else ""
    return f"You said: {' '.join(texts)}{seen}"


def _cut(asked: Request, content: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Cut the last text at a stop sequence and at ``max_tokens``; the stop reason and sequence."""
    if any(block["type"] == "tool_use" for block in content):
        return "tool_use", None
    last = content[-1] if content else {}
    if last.get("type") != "text":
        return "end_turn", None
    for stop in asked.stop_sequences or ():
        before, found, _ = last["text"].partition(stop)
        if found:
            last["text"] = before
            return "stop_sequence", stop
    words = last["text"].split(" ")
    if len(words) > asked.max_tokens:
        last["text"] = " ".join(words[: asked.max_tokens])
        return "max_tokens", None
    return "end_turn", None


def _check_signatures(asked: Request) -> None:
    for index, message in enumerate(asked.messages):
        for position, block in enumerate(message.blocks):
            if isinstance(block, Thinking) and block.signature != signature_of(block.thinking):
                raise Refused(f"messages.{index}.content.{position}: Invalid `signature` in `thinking` block")


def _check_removed(asked: Request) -> None:
    """What version 2026-10-21 took away."""
    for name in ("temperature", "top_p", "top_k"):
        if getattr(asked, name) is not None:
            raise Refused(f"{name}: Extra inputs are not permitted")


def _block_tokens(block: dict[str, Any]) -> int:
    return _words(msgspec.json.encode(block).decode()) if block["type"] != "text" else _words(block["text"])


def _words(text: str) -> int:
    return len(text.split())


if __name__ == "__main__":
    run_alone(AnthropicUpstream(), "Anthropic")
