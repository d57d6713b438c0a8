"""``POST /v1/messages``: Anthropic's Messages API, plus Breakwater's fields, in front of any provider."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.chat import ChatRequest, ChatResult, JsonObject
from contracts.errors import GatewayError
from gateway.formats.base import NO_HEADERS, AnswerFacts, StreamRenderer
from gateway.formats.messages_answer import (
    error_object,
    message_id,
    stop_fields,
    usage_object,
)
from gateway.formats.messages_citations import cite
from gateway.formats.messages_content import answer_blocks, anthropic_extra
from gateway.formats.messages_request import parse_messages
from gateway.formats.messages_stream import MessagesStream
from routing.engine.tokens import estimate_input_tokens


class MessagesFormat:
    """Messages in and out."""

    def parse(self, body: JsonObject, headers: Mapping[str, str] = NO_HEADERS) -> ChatRequest:
        """The request in OpenAI's shape; ``anthropic-beta`` features go along as ``betas``.

        Raises:
            InvalidRequest: malformed; ``param`` names the field.
        """
        if beta := headers.get("anthropic-beta"):
            body.setdefault("betas", [name.strip() for name in beta.split(",") if name.strip()])
        return parse_messages(body)

    def render(self, result: ChatResult, facts: AnswerFacts) -> JsonObject:
        """A ``message`` object."""
        body = result.body
        choice = (body.get("choices") or [{}])[0]
        ending = anthropic_extra(body)
        return {
            "id": message_id(body.get("id"), facts.correlation_id),
            "type": "message",
            "role": "assistant",
            "model": body.get("model") or facts.model,
            "content": cite(answer_blocks(choice.get("message") or {}), facts),
            **stop_fields(choice.get("finish_reason"), ending),
            "usage": usage_object(facts.usage, ending),
            **facts.as_fields(),
        }

    def open_stream(self, request: ChatRequest, *, correlation_id: str) -> StreamRenderer:
        """Anthropic's events; Breakwater's fields are in ``message_delta``."""
        return MessagesStream(
            correlation_id=correlation_id,
            model=request.model or "",
            estimated_input_tokens=estimate_input_tokens(request),
        )

    def error_body(self, error: GatewayError, correlation_id: str) -> JsonObject:
        """Anthropic's error object with our fields."""
        return error_object(error, correlation_id)


def count_tokens_body(body: JsonObject) -> JsonObject:
    """The answer to ``POST /v1/messages/count_tokens``: an estimate, because tokenizers differ by provider.

    Raises:
        InvalidRequest: malformed; ``param`` names the field.
    """
    return {"input_tokens": estimate_input_tokens(parse_messages(body, counting=True)), "estimated": True}
