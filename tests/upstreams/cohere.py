"""Cohere's v2 chat and embed API on a real socket, in its true wire format.

Stands alone as ``python -m tests.upstreams.cohere --port 9002``.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, TypeVar

import msgspec

from routing.providers.sandbox_answers import (
    Conversation,
    SandboxAnswer,
    SandboxTool,
    answer,
    count_tokens,
    embedding,
    tokens_of,
)
from tests.upstreams.cohere_schema import (
    AssistantMessage,
    ChatBody,
    EmbedBody,
    ImageUrlContent,
    JsonObjectFormat,
    TextContent,
    ToolMessage,
    UserMessage,
)
from tests.upstreams.server import Reply, SeenRequest, run_alone

_T = TypeVar("_T")

UNKNOWN_MODEL = "no-such-model"
PLAN = "I will look this up."
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<field>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_FINISH_REASONS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_TEMPLATE_TOKENS = 60
"""What Cohere's own prompt template adds to ``tokens`` and does not bill."""


class Refused(Exception):
    """The API's own refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class CohereUpstream:
    """Answers as the sandbox does, unless ``answers`` holds one that was put there; ``key=None`` takes any key.

    ``thinking`` comes before each answer when the request enables thinking.
    """

    def __init__(self, *, key: str | None = None, context_window: int = 256_000) -> None:
        self.answers: deque[SandboxAnswer] = deque()
        self.thinking = "Let me think."
        self._key = key
        self._context_window = context_window

    def handle(self, request: SeenRequest) -> Reply:
        try:
            self._authenticate(request)
            if (request.method, request.path) == ("POST", "/v2/chat"):
                return self._chat(_body(request, ChatBody))
            if (request.method, request.path) == ("POST", "/v2/embed"):
                return self._embed(_body(request, EmbedBody))
            return self.error(404, "page not found")
        except Refused as refused:
            return self.error(refused.status, refused.message)

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"id": "6c1a6a5c-0000-4000-8000-000000000000", "message": message}, status)

    def _authenticate(self, request: SeenRequest) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refused(401, "no api key supplied")
        if self._key is not None and key != self._key:
            raise Refused(401, "invalid api token")

    def _chat(self, body: ChatBody) -> Reply:
        _check(body)
        used = sum(_tokens_of_message(message) for message in body.messages)
        if used + (body.max_tokens or 0) > self._context_window:
            raise Refused(
                400,
                f"too many tokens: total number of tokens in the prompt cannot exceed {self._context_window} - received"
                f" {used}. Try using a shorter prompt.",
            )
        said = self.answers.popleft() if self.answers else answer(_conversation(body))
        thinking = self.thinking if body.thinking is not None and body.thinking.type == "enabled" else ""
        usage = {
            "billed_units": {"input_tokens": used, "output_tokens": said.tokens},
            "tokens": {"input_tokens": used + _TEMPLATE_TOKENS, "output_tokens": said.tokens},
            "cached_tokens": 0,
        }
        if body.stream:
            return Reply.events(_events(said, thinking, usage))
        message: dict[str, Any] = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": thinking}] if thinking else []
        if said.calls:
            message["tool_plan"] = PLAN
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in said.calls
            ]
        else:
            content.append({"type": "text", "text": said.text})
        if content:
            message["content"] = content
        citations = _citations(body, said.text)
        if citations:
            message["citations"] = citations
        finish_reason = _FINISH_REASONS[said.finish_reason]
        return Reply.json(
            {
                "id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
                "finish_reason": finish_reason,
                "message": message,
                "usage": usage,
            }
        )

    def _embed(self, body: EmbedBody) -> Reply:
        if body.model == UNKNOWN_MODEL:
            raise Refused(404, f"model '{body.model}' not found, make sure the correct model ID was used")
        texts = body.texts or []
        if not texts:
            raise Refused(400, "invalid request: at least one of texts, images or inputs must be provided")
        if body.embedding_types not in (None, ["float"]):
            raise Refused(501, "this stand-in gives float embeddings only")
        vectors = [embedding(text, body.output_dimension or 256) for text in texts]
        tokens = sum(count_tokens(text) for text in texts)
        return Reply.json(
            {
                "id": "da6e531f-54c5-4a73-bf92-f60566d8d753",
                "embeddings": {"float": vectors},
                "texts": texts,
                "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
                "response_type": "embeddings_by_type",
            }
        )


def _body(request: SeenRequest, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        unknown = _UNKNOWN_FIELD.match(str(error))
        if unknown is not None:
            path = ".".join(part for part in (unknown["path"], unknown["field"]) if part)
            raise Refused(422, f"unknown field: parameter '{path}' is not a valid field") from error
        raise Refused(400, f"invalid request: {error}") from error
    except msgspec.DecodeError as error:
        raise Refused(400, "invalid json syntax") from error


def _check(body: ChatBody) -> None:
    if body.model == UNKNOWN_MODEL:
        raise Refused(404, f"model '{body.model}' not found, make sure the correct model ID was used")
    if isinstance(body.response_format, JsonObjectFormat) and (body.tools or body.documents):
        raise Refused(400, "invalid request: response_format is not supported with RAG or tools.")
    if body.frequency_penalty and body.presence_penalty:
        raise Refused(400, "invalid request: cannot specify both frequency_penalty and presence_penalty.")
    if body.tool_choice is not None and not body.tools:
        raise Refused(400, "invalid request: tool_choice may only be specified along with tools.")
    _check_turns(body)


def _check_turns(body: ChatBody) -> None:
    open_calls: set[str] = set()
    for message in body.messages:
        if isinstance(message, AssistantMessage):
            if not message.content and not message.tool_calls:
                raise Refused(400, "invalid request: an assistant message must have content or tool_calls.")
            open_calls |= {call.id for call in message.tool_calls or ()}
        elif isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise Refused(400, f"invalid request: no tool call with id '{message.tool_call_id}'")
            open_calls.discard(message.tool_call_id)
        elif not message.content:
            raise Refused(400, "message must not be empty in a turn")
    if open_calls:
        raise Refused(400, "invalid request: all tool calls must be followed by their results")


def _conversation(body: ChatBody) -> Conversation:
    question, images = "", 0
    results: list[str] = []
    for message in body.messages:
        if isinstance(message, UserMessage):
            parts = [TextContent(text=message.content)] if isinstance(message.content, str) else message.content
            question = "\n".join(part.text for part in parts if isinstance(part, TextContent))
            images = sum(isinstance(part, ImageUrlContent) for part in parts)
            results = []
        elif isinstance(message, ToolMessage):
            results += _results(message)
    form = body.response_format
    schema = form.json_schema if isinstance(form, JsonObjectFormat) else None
    return Conversation(
        question=question,
        images=images,
        tool_results=tuple(results),
        tools=tuple(SandboxTool(tool.function.name, tool.function.parameters) for tool in body.tools or ()),
        tool_choice=(body.tool_choice or "auto").lower(),
        wants_json=isinstance(form, JsonObjectFormat),
        schema=schema,
        stop=tuple(body.stop_sequences or ()),
        max_tokens=body.max_tokens,
    )


def _results(message: ToolMessage) -> list[str]:
    if isinstance(message.content, str):
        return [message.content]
    return [
        part.text if isinstance(part, TextContent) else msgspec.json.encode(part.document.data).decode()
        for part in message.content
    ]


def _tokens_of_message(message: object) -> int:
    return count_tokens(str(getattr(message, "content", None) or "")) + 1


def _citations(body: ChatBody, text: str) -> list[dict[str, Any]]:
    """One citation of the first document that a tool returned, over the whole text."""
    for message in body.messages:
        if isinstance(message, ToolMessage) and not isinstance(message.content, str) and text:
            source = {"type": "tool", "id": f"{message.tool_call_id}:0", "tool_output": {}}
            return [{"start": 0, "end": len(text), "text": text, "sources": [source], "type": "TEXT_CONTENT"}]
    return []


def _events(said: SandboxAnswer, thinking: str, usage: dict[str, Any]) -> list[bytes]:
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[dict[str, Any]] = [
        {"id": "29f14a5a-11de-4cae-9800-25e4747408ea", "type": "message-start", "delta": {"message": start}}
    ]
    index = 0
    if thinking:
        events += _content_events(index, "thinking", thinking)
        index += 1
    if said.calls:
        events += [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": token}}} for token in tokens_of(PLAN)]
        events += [event for number, _ in enumerate(said.calls) for event in _call_events(number, said)]
    else:
        events += _content_events(index, "text", said.text)
    end = {"finish_reason": _FINISH_REASONS[said.finish_reason], "usage": usage}
    events.append({"type": "message-end", "delta": end})
    framed = [
        b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n" for event in events
    ]
    return [*framed, b"data: [DONE]\n\n"]


def _content_events(index: int, kind: str, text: str) -> list[dict[str, Any]]:
    def delta(content: dict[str, str]) -> dict[str, Any]:
        return {"message": {"content": content}}

    return [
        {"type": "content-start", "index": index, "delta": delta({"type": kind, kind: ""})},
        *({"type": "content-delta", "index": index, "delta": delta({kind: token})} for token in tokens_of(text)),
        {"type": "content-end", "index": index},
    ]


def _call_events(number: int, said: SandboxAnswer) -> list[dict[str, Any]]:
    call = said.calls[number]

    def delta(call: dict[str, Any]) -> dict[str, Any]:
        return {"message": {"tool_calls": call}}

    first = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    return [
        {"type": "tool-call-start", "index": number, "delta": delta(first)},
        *(
            {"type": "tool-call-delta", "index": number, "delta": delta({"function": {"arguments": token}})}
            for token in tokens_of(call.arguments)
        ),
        {"type": "tool-call-end", "index": number},
    ]


if __name__ == "__main__":
    run_alone(CohereUpstream(), "Cohere")
