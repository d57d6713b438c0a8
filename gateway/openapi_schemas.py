"""JSON Schemas of the data plane: requests derived from the structs that validate them, answers written out."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest
from gateway.feedback import MAX_COMMENT, FeedbackRequest
from gateway.formats.chat_request import MAX_CHOICES, MAX_MESSAGES, MAX_TOOLS
from gateway.formats.embeddings import MAX_INPUTS
from gateway.formats.generate import GenerateRequest
from gateway.formats.messages_request import MessagesRequest
from gateway.formats.validation import MAX_MODE_LENGTH, MAX_MODEL_LENGTH, MAX_USER_LENGTH
from gateway.openapi_analytics import ANALYTICS_ANSWERS
from gateway.tool_results import ToolLookup, ToolRun

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"
_MAX_TOKENS: Schema = {"minimum": 1, "maximum": 100_000_000}
_MODEL_NAME: Schema = {
    "description": "A route, a model, or `provider/model`; without it the tenant's default route.",
    "maxLength": MAX_MODEL_LENGTH,
}
_TAGS: Schema = {
    "description": "At most 32 of at most 128 characters; a list's members get the empty value.",
    "maxItems": 32,
    "maxProperties": 32,
}
_USER: Schema = {
    "description": "Your end user, for limits, sticky routing and the events.",
    "maxLength": MAX_USER_LENGTH,
}
_MODE: Schema = {"description": "`direct`, or a mode for which a route is set up.", "maxLength": MAX_MODE_LENGTH}

_REQUESTS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "ChatRequest": (ChatRequest, "OpenAI's request plus `mode`, `budget`, `tags`, `priority`; others are passed on."),
    "EmbeddingRequest": (EmbeddingRequest, "OpenAI's request plus `tags`, `priority`; unknown fields are passed on."),
    "GenerateRequest": (GenerateRequest, "One prompt; unknown fields are refused."),
    "FeedbackRequest": (FeedbackRequest, "Whether a kept answer was right."),
    "ToolLookup": (ToolLookup, "A tool and what it is called with; unknown fields are ignored."),
    "ToolRun": (ToolRun, "The same, and what the tool gave."),
    "MessagesRequest": (MessagesRequest, "Anthropic's request plus `mode`, `budget`, `tags` and `priority`."),
}
_LIMITS: dict[str, dict[str, Schema]] = {
    "ChatRequest": {
        "messages": {"minItems": 1, "maxItems": MAX_MESSAGES},
        "model": _MODEL_NAME,
        "max_tokens": _MAX_TOKENS,
        "max_completion_tokens": _MAX_TOKENS,
        "temperature": {"minimum": 0, "maximum": 2},
        "top_p": {"minimum": 0, "maximum": 1},
        "n": {"minimum": 1, "maximum": MAX_CHOICES},
        "presence_penalty": {"minimum": -2, "maximum": 2},
        "frequency_penalty": {"minimum": -2, "maximum": 2},
        "top_logprobs": {"minimum": 0, "maximum": 20},
        "tools": {"maxItems": MAX_TOOLS},
        "user": _USER,
        "mode": _MODE,
        "tags": _TAGS,
    },
    "EmbeddingRequest": {
        "input": {"minLength": 1, "minItems": 1, "description": f"At most {MAX_INPUTS} texts, all of one kind."},
        "model": _MODEL_NAME,
        "dimensions": {"minimum": 1, "maximum": 65_536},
        "user": _USER,
        "tags": _TAGS,
    },
    "GenerateRequest": {
        "model": _MODEL_NAME,
        "max_tokens": _MAX_TOKENS,
        "temperature": {"minimum": 0, "maximum": 2},
        "images": {"description": "URLs, data URIs or base64 of PNG, JPEG, GIF or WebP."},
        "user_id": _USER,
        "mode": _MODE,
        "task_type": {"description": "Becomes the tag `task_type`, which routes can match."},
        "tags": _TAGS,
    },
    "MessagesRequest": {
        "messages": {"minItems": 1, "maxItems": MAX_MESSAGES},
        "model": _MODEL_NAME,
        "max_tokens": _MAX_TOKENS,
        "temperature": {"minimum": 0, "maximum": 2},
        "top_p": {"minimum": 0, "maximum": 1},
    },
    "FeedbackRequest": {
        "correlation_id": {"description": "The `x-correlation-id` of the answer."},
        "cached_answer": {"description": "Whether the kept answer to a question in other words served this one."},
        "comment": {"maxLength": MAX_COMMENT},
    },
    "RequestBudget": {"max_tokens": _MAX_TOKENS, "max_cost_usd": {"minimum": 0, "maximum": 1_000_000}},
}


def _object(required: tuple[str, ...], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _whole(**properties: Schema) -> Schema:
    """An object that always has all of its properties."""
    return _object(tuple(properties), **properties)


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": REF.format(name=name)}


_STRING: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_INTEGER: Schema = {"type": "integer"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BOOLEAN: Schema = {"type": "boolean"}
_BOOLEAN_OR_NULL: Schema = {"type": ["boolean", "null"]}
_MS: Schema = {"type": ["number", "null"], "minimum": 0, "description": "Milliseconds."}
_ANY_OBJECT: Schema = {"type": "object"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_NANOUSD: Schema = {"type": ["integer", "null"], "description": "10⁻⁹ US dollars; null where the price is unknown."}
_DOLLARS: Schema = {"type": ["number", "null"], "description": "The same in US dollars."}
_FACTS: dict[str, Schema] = {
    "cost": _ref("Cost"),
    "citations": _list(_ANY_OBJECT),
    "trace_id": {**_STRING, "pattern": "^[0-9a-f]{32}$", "examples": ["07de68ce90d1b32e7cee9c8451aa0461"]},
    "correlation_id": _ref("CorrelationId"),
    "route": _STRING,
    "provider": _STRING,
}
_ERROR_FIELDS: dict[str, Schema] = {
    "code": {**_STRING, "pattern": "^[A-Z_]+$", "description": "Stable.", "examples": ["PROVIDER_TIMEOUT"]},
    "message": {**_STRING, "description": "Written for the person who sent the request."},
    "type": {**_STRING, "description": "OpenAI's (or Anthropic's) coarse kind, as their clients expect it."},
    "param": {**_TEXT_OR_NULL, "description": "The field to blame."},
    "retryable": {**_BOOLEAN, "description": "Whether the same request may succeed later."},
    "correlation_id": _ref("CorrelationId"),
}


def _error(**more: Schema) -> Schema:
    return _object(tuple(_ERROR_FIELDS), **_ERROR_FIELDS, details=_ANY_OBJECT, **more)


_TOOL_CALLS = _list(
    _object(("id", "type", "function"), id=_STRING, type=_STRING, function=_whole(name=_STRING, arguments=_STRING))
)
_CHOICE = _object(
    ("index", "message", "finish_reason"),
    index=_COUNT,
    message=_object(("role", "content"), role={"const": "assistant"}, content=_TEXT_OR_NULL, tool_calls=_TOOL_CALLS),
    finish_reason=_TEXT_OR_NULL,
)
_TARGET = _whole(
    target_id=_STRING,
    target={**_STRING, "description": "`provider/model`."},
    breaker={"enum": ["closed", "open", "half_open"]},
    retry_after_s={"type": "number"},
    in_flight=_COUNT,
    waiting=_COUNT,
    max_in_flight=_COUNT,
    latency_ms=_MS,
    p50_ms=_MS,
    p95_ms=_MS,
    first_token_p95_ms=_MS,
)

ANSWERS: dict[str, Schema] = {
    "CorrelationId": {**_STRING, "pattern": "^req_[0-9a-f]{32}$", "examples": ["req_01a1fd38ca0874f59e1764df4bcf74c1"]},
    "Cost": _whole(currency={"const": "USD"}, nanousd=_NANOUSD, total=_DOLLARS),
    "Error": _whole(error=_error()),
    "MessagesError": _whole(type={"const": "error"}, error=_error(), request_id=_ref("CorrelationId")),
    "ChatCompletion": _object(
        ("id", "object", "created", "model", "choices", "usage", "output_text", *_FACTS),
        id=_STRING,
        object={"const": "chat.completion"},
        created=_INTEGER,
        model=_STRING,
        choices=_list(_CHOICE),
        usage=_whole(prompt_tokens=_COUNT, completion_tokens=_COUNT, total_tokens=_COUNT),
        output_text={**_STRING, "description": "The first choice's text; empty when it only calls tools."},
        **_FACTS,
    ),
    "MessagesAnswer": _object(
        ("id", "type", "role", "content", "model", "stop_reason", "stop_sequence", "usage", *_FACTS),
        id={**_STRING, "pattern": "^msg_", "examples": ["msg_req_01a1fd38ca0874f59e1764df4bcf74c1"]},
        type={"const": "message"},
        role={"const": "assistant"},
        content=_list(_whole(type=_STRING)),
        model=_STRING,
        stop_reason=_TEXT_OR_NULL,
        stop_sequence=_TEXT_OR_NULL,
        usage=_whole(
            input_tokens=_COUNT,
            output_tokens=_COUNT,
            cache_creation_input_tokens=_COUNT,
            cache_read_input_tokens=_COUNT,
        ),
        **_FACTS,
    ),
    "TokenCount": _whole(input_tokens=_COUNT, estimated={"const": True}),
    "Generated": _whole(
        output_text=_STRING,
        finish_reason=_TEXT_OR_NULL,
        model=_STRING,
        usage=_whole(input_tokens=_COUNT, output_tokens=_COUNT, total_tokens=_COUNT),
        **_FACTS,
    ),
    "Embeddings": _object(
        ("object", "data", "model", "usage", *_FACTS),
        object={"const": "list"},
        data=_list(
            _whole(
                object={"const": "embedding"},
                index=_COUNT,
                embedding={
                    "anyOf": [_list({"type": "number"}), _STRING],
                    "description": "Numbers, or base64 of little-endian 32-bit floats.",
                },
            )
        ),
        model=_STRING,
        usage=_whole(prompt_tokens=_COUNT, total_tokens=_COUNT),
        **_FACTS,
    ),
    "ServerSentEvent": {
        **_object(("data",), event=_STRING, data={**_STRING, "description": "JSON, or `[DONE]`."}),
        "description": "One event of the stream.",
        "examples": [{"event": "token", "data": '{"text": "Hello"}'}],
    },
    "ModelEntry": _whole(id=_STRING, object={"const": "model"}, created=_INTEGER, owned_by=_STRING),
    "ModelList": _whole(object={"const": "list"}, data=_list(_ref("ModelEntry"))),
    "Feedback": _whole(
        object={"const": "feedback"},
        correlation_id=_ref("CorrelationId"),
        cached_answer={"enum": ["right", "wrong"]},
        route=_STRING,
        confidence={"type": "number", "description": "How sure your calls over the route have to be since, 0 to 1."},
        right={**_COUNT, "description": "Answers over the route that were found right so far."},
        wrong=_COUNT,
    ),
    "ToolResult": _object(
        ("object", "tool", "hit"),
        object={"const": "tool_result"},
        tool=_STRING,
        hit={**_BOOLEAN, "description": "Whether a result is kept; only then the other fields are there."},
        result={"description": "As it was kept."},
        stored_at_ms=_COUNT,
        ends_at_ms=_COUNT,
    ),
    "KeptToolResult": _whole(object={"const": "tool_result"}, tool=_STRING, stored_at_ms=_COUNT, ends_at_ms=_COUNT),
    "Alive": _whole(status={"const": "ok"}),
    "Health": _whole(
        status={"enum": ["ok", "degraded"]},
        dependencies={
            "type": "object",
            "additionalProperties": _whole(status={"enum": ["ok", "degraded", "down"]}),
            "description": "`postgresql`, `redis`, `event_spool` and `secret_stores`, each with figures of its own.",
        },
        targets=_list(_TARGET),
    ),
    "RunEvent": _whole(
        event_id={**_STRING, "format": "uuid"},
        event_type=_STRING,
        schema_version=_INTEGER,
        timestamp=_TIME,
        layer={"type": "integer", "minimum": 1, "maximum": 5},
        service_name=_STRING,
        span_id=_STRING,
        payload=_ANY_OBJECT,
    ),
    "RunAttempt": _object(
        ("result", "attempt", "target_id", "provider", "model", "duration_ms", "ended_at"),
        result={"enum": ["completed", "failed", "cancelled"]},
        attempt=_COUNT,
        target_id=_STRING,
        provider=_STRING,
        model=_STRING,
        duration_ms=_MS,
        ended_at=_TIME,
    ),
    "Run": _whole(
        id=_ref("CorrelationId"),
        object={"const": "run"},
        correlation_id=_ref("CorrelationId"),
        trace_id=_STRING,
        tenant_id=_STRING,
        state={"enum": ["running", "lost", "rejected", "completed", "failed"]},
        endpoint=_TEXT_OR_NULL,
        operation=_TEXT_OR_NULL,
        mode=_TEXT_OR_NULL,
        stream=_BOOLEAN_OR_NULL,
        key_id=_TEXT_OR_NULL,
        team_id=_TEXT_OR_NULL,
        user=_TEXT_OR_NULL,
        tags={"type": "object", "additionalProperties": _STRING},
        requested_model=_TEXT_OR_NULL,
        route=_TEXT_OR_NULL,
        provider=_TEXT_OR_NULL,
        model=_TEXT_OR_NULL,
        finish_reason=_TEXT_OR_NULL,
        fallback_used=_BOOLEAN,
        degraded=_BOOLEAN,
        error={
            "anyOf": [
                _whole(code=_STRING, message=_TEXT_OR_NULL, http_status={"type": ["integer", "null"]}),
                {"type": "null"},
            ]
        },
        usage=_whole(
            input_tokens=_COUNT,
            output_tokens=_COUNT,
            total_tokens=_COUNT,
            cached_input_tokens=_COUNT,
            cache_write_tokens=_COUNT,
            reasoning_tokens=_COUNT,
            estimated=_BOOLEAN,
        ),
        cost=_whole(nanousd=_NANOUSD, usd=_DOLLARS, currency={"const": "USD"}),
        timings=_whole(
            started_at=_TIME,
            ended_at=_TIME_OR_NULL,
            duration_ms=_MS,
            overhead_ms=_MS,
            first_token_ms=_MS,
            queue_ms=_MS,
        ),
        attempts=_list(_ref("RunAttempt")),
        input={"description": "What was sent; null unless the tenant stores payloads."},
        output={"description": "What was answered; null unless the tenant stores payloads."},
        events=_list(_ref("RunEvent")),
    ),
}


def components() -> dict[str, Schema]:
    """All schemas the operations refer to, by name."""
    _, found = msgspec.json.schema_components([struct for struct, _ in _REQUESTS.values()], ref_template=REF)
    for name, schema in found.items():
        properties: dict[str, Schema] = schema.get("properties", {})
        # How a request keeps its whole wire object; no field of the API.
        properties.pop("__body__", None)
        for field, more in _LIMITS.get(name, {}).items():
            properties[field].update(more)
        schema["description"] = _REQUESTS[name][1] if name in _REQUESTS else _prose(schema.get("description", ""))
    messages = found["MessagesRequest"]
    found["CountTokensRequest"] = {**messages, "title": "CountTokensRequest"}
    _require_max_tokens(messages)
    return {**found, **ANSWERS, **ANALYTICS_ANSWERS}


def _require_max_tokens(messages: Schema) -> None:
    messages["properties"] = {**messages["properties"], "max_tokens": {"type": "integer", **_MAX_TOKENS}}
    messages["required"] = [*messages["required"], "max_tokens"]


def _prose(docstring: str) -> str:
    """A docstring's first paragraph, in Markdown."""
    return docstring.partition("\n\n")[0].replace("``", "`").replace(":func:", "").replace(":attr:", "")
