"""OpenAI's chat and embeddings API on a real socket, in its true wire format; also as Azure addresses it.

Stands alone as ``python -m tests.upstreams.openai --port 9001``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from routing.providers.openai_shape import embeddings_body
from routing.providers.sandbox_answers import SandboxAnswer, answer, count_tokens, embedding, tokens_of
from routing.providers.sandbox_transport import conversation_of
from tests.upstreams.openai_schema import AssistantMessage, ChatBody, EmbeddingsBody, JsonSchemaFormat, ToolMessage
from tests.upstreams.server import Reply, SeenRequest, run_alone

_T = TypeVar("_T")

CREATED = 1_760_000_000
UNKNOWN_MODEL = "no-such-model"
_REASONING = re.compile(r"^(?:o\d|gpt-5)")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<field>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_DEPLOYMENT = re.compile(r"^/openai/deployments/(?P<model>[^/]+)/(?P<operation>chat/completions|embeddings)$")
_LIMITS = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999987",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "0s",
}


class Refused(Exception):
    """The API's own refusal."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


class OpenAIUpstream:
    """Answers as the sandbox does, unless ``answers`` holds one that was put there; ``key=None`` takes any key."""

    def __init__(self, *, key: str | None = None, context_window: int = 128_000) -> None:
        self.answers: deque[SandboxAnswer] = deque()
        self._key = key
        self._context_window = context_window
        self._number = 0

    def handle(self, request: SeenRequest) -> Reply:
        try:
            deployment = _DEPLOYMENT.match(request.path)
            self._authenticate(request, azure=deployment is not None)
            if deployment is not None:
                return self._azure(request, deployment["model"], deployment["operation"])
            return self._openai(request)
        except Refused as refused:
            return _refusal(refused)

    def error(self, status: int, message: str) -> Reply:
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)
        return _refusal(Refused(status, message, code=code))

    def _authenticate(self, request: SeenRequest, *, azure: bool) -> None:
        if azure:
            key = request.headers.get("api-key", "")
        else:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if not key or scheme != "Bearer":
                raise Refused(
                    401, "You didn't provide an API key. You need to provide your API key in an Authorization header"
                )
        if not key or (self._key is not None and key != self._key):
            raise Refused(401, f"Incorrect API key provided: {key[:6]}***.", code="invalid_api_key")

    def _openai(self, request: SeenRequest) -> Reply:
        if (request.method, request.path) == ("GET", "/v1/models"):
            return Reply.json({"object": "list", "data": [_model("gpt-4o"), _model("text-embedding-3-small")]})
        routes: dict[str, Callable[[Any], Reply]] = {"/v1/chat/completions": self._chat, "/v1/embeddings": self._embed}
        operation = routes.get(request.path)
        if operation is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        if request.method != "POST":
            raise Refused(405, f"Not allowed to {request.method} on {request.path}", code="method_not_supported")
        return operation(_body(request))

    def _azure(self, request: SeenRequest, model: str, operation: str) -> Reply:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", request.query.get("api-version", "")):
            raise Refused(404, "Resource not found", code="404")
        if model == UNKNOWN_MODEL:
            raise Refused(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
        body = {**_body(request), "model": model}
        return self._chat(body) if operation == "chat/completions" else self._embed(body)

    def _chat(self, raw: dict[str, Any]) -> Reply:
        body = _converted(raw, ChatBody)
        _check(body)
        used = sum(count_tokens(str(message.content)) for message in body.messages)
        if used + (body.max_completion_tokens or body.max_tokens or 0) > self._context_window:
            raise Refused(
                400,
                f"This model's maximum context length is {self._context_window} tokens. However, your messages resulted"
                f" in {used} tokens. Please reduce the length of the messages.",
                param="messages",
                code="context_length_exceeded",
            )
        said = self.answers.popleft() if self.answers else answer(conversation_of(raw))
        self._number += 1
        head = {
            "id": f"chatcmpl-{self._number:029d}",
            "created": CREATED,
            "model": f"{body.model}-2024-08-06",
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
        }
        usage = _usage(used, said.tokens * (body.n or 1))
        headers = {"x-request-id": f"req_{self._number:032x}", "openai-processing-ms": "12", **_LIMITS}
        if body.stream:
            return Reply.events(_events(head, said, body, usage), headers)
        choices = [_choice(said, index, body) for index in range(body.n or 1)]
        return Reply.json({**head, "object": "chat.completion", "choices": choices, "usage": usage}, headers=headers)

    def _embed(self, raw: dict[str, Any]) -> Reply:
        body = _converted(raw, EmbeddingsBody)
        if body.model == UNKNOWN_MODEL:
            raise _no_model(body.model)
        given = body.input
        items: list[Any] = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else list(given)
        if not items or "" in items:
            raise Refused(400, "'$.input' is invalid. Please check the API reference.", param="input")
        texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in items]
        vectors = [embedding(text, body.dimensions or 64) for text in texts]
        wire = embeddings_body(vectors, body.model, body.encoding_format, None)
        tokens = sum(count_tokens(text) for text in texts)
        return Reply.json({**wire, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def _body(request: SeenRequest) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(400, "you must provide a model parameter")
    try:
        body = request.json()
    except msgspec.DecodeError as error:
        raise Refused(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Refused(400, "We could not parse the JSON body of your request.")
    return body


def _converted(raw: dict[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = _UNKNOWN_FIELD.match(text)
        if unknown is not None and not unknown["path"]:
            raise Refused(400, f"Unrecognized request argument supplied: {unknown['field']}") from error
        if unknown is not None:
            path = f"{unknown['path']}.{unknown['field']}"
            raise Refused(400, f"Unknown parameter: '{path}'.", param=path, code="unknown_parameter") from error
        at = _AT.search(text)
        path = at["path"] if at else ""
        raise Refused(400, f"Invalid type for '{path}': {text}", param=path, code="invalid_type") from error


def _check(body: ChatBody) -> None:
    if body.model == UNKNOWN_MODEL:
        raise _no_model(body.model)
    if body.stream_options is not None and not body.stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, message, param="stream_options")
    if body.max_tokens is not None and _REASONING.match(body.model):
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Refused(400, message, param="max_tokens", code="unsupported_parameter")
    if body.tool_choice is not None and not body.tools:
        raise Refused(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if body.top_logprobs is not None and not body.logprobs:
        raise Refused(400, "'top_logprobs' is only allowed when 'logprobs' is enabled.", param="top_logprobs")
    _check_strict_schema(body)
    _check_tool_turns(body)


def _check_strict_schema(body: ChatBody) -> None:
    form = body.response_format
    if isinstance(form, JsonSchemaFormat) and form.json_schema.strict:
        schema = form.json_schema.schema or {}
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise Refused(
                400,
                f"Invalid schema for response_format '{form.json_schema.name}': In context=(), 'additionalProperties'"
                " is required to be supplied and to be false.",
                param="response_format",
            )


def _check_tool_turns(body: ChatBody) -> None:
    """Each tool call is answered right after it, and nothing else is."""
    open_calls: set[str] = set()
    for index, message in enumerate(body.messages):
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise Refused(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with"
                    " 'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            break
        if isinstance(message, AssistantMessage):
            open_calls = {call.id for call in message.tool_calls or ()}
            if message.content is None and not open_calls and message.refusal is None and message.function_call is None:
                raise Refused(
                    400, "Invalid value for 'content': expected a string, got null.", param=f"messages.[{index}]"
                )
    if open_calls:
        raise Refused(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            " 'tool_call_id'. The following tool_call_ids did not have response messages:"
            f" {', '.join(sorted(open_calls))}",
            param="messages",
        )


def _choice(said: SandboxAnswer, index: int, body: ChatBody) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if said.calls else said.text,
        "refusal": None,
        "annotations": [],
    }
    if said.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.calls
        ]
    logprobs = (
        {"content": [_logprob(token) for token in tokens_of(said.text)], "refusal": None} if body.logprobs else None
    )
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": said.finish_reason}


def _logprob(token: str) -> dict[str, Any]:
    return {"token": token, "logprob": -0.01, "bytes": list(token.encode()), "top_logprobs": []}


def _events(head: dict[str, Any], said: SandboxAnswer, body: ChatBody, usage: dict[str, Any]) -> list[bytes]:
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    chunks = []
    for delta, finish_reason in _deltas(said):
        for index in range(body.n or 1):
            logprobs = None
            if body.logprobs and delta.get("content"):
                logprobs = {"content": [_logprob(delta["content"])], "refusal": None}
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
            chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            chunks.append({**chunk, "usage": None} if include_usage else chunk)
    if include_usage:
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _deltas(said: SandboxAnswer) -> list[tuple[dict[str, Any], str | None]]:
    first = {"role": "assistant", "content": None if said.calls else "", "refusal": None}
    deltas: list[tuple[dict[str, Any], str | None]] = [(first, None)]
    deltas += [({"content": token}, None) for token in tokens_of(said.text)]
    for index, call in enumerate(said.calls):
        function = {"name": call.name, "arguments": ""}
        deltas.append(
            ({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}, None)
        )
        deltas += [
            ({"tool_calls": [{"index": index, "function": {"arguments": token}}]}, None)
            for token in tokens_of(call.arguments)
        ]
    return [*deltas, ({}, said.finish_reason)]


def _usage(input_tokens: int, output_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}


def _no_model(model: str) -> Refused:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refused(404, message, code="model_not_found")


def _refusal(refused: Refused) -> Reply:
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"
    if refused.status == 429:
        kind = "requests"
    error = {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}
    return Reply.json({"error": error}, refused.status)


if __name__ == "__main__":
    run_alone(OpenAIUpstream(), "OpenAI")
