"""JSON Schemas of the data plane: requests derived from the structs that validate them, answers written out."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest
from contracts.retrieval import StoredDocument
from gateway.engine.grounding.asked import MAX_COLLECTIONS, MAX_FILTERS, MAX_RESAMPLES, MAX_TAGS, MAX_TOP_K
from gateway.feedback import MAX_COMMENT, FeedbackRequest
from gateway.formats.chat_request import MAX_CHOICES, MAX_MESSAGES, MAX_TOOLS
from gateway.formats.embeddings import MAX_INPUTS
from gateway.formats.generate import GenerateRequest
from gateway.formats.messages_request import MessagesRequest
from gateway.formats.validation import MAX_MODE_LENGTH, MAX_MODEL_LENGTH, MAX_USER_LENGTH
from gateway.openapi_analytics import ANALYTICS_ANSWERS
from gateway.retrieval import MAX_DOCUMENTS, MAX_ID, STATES, RetrievalRequest, UpsertRequest
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
_MODE: Schema = {
    "description": "`direct`; `rag`, for an answer that rests on documents; or a mode for which a route is set up.",
    "maxLength": MAX_MODE_LENGTH,
}
_RETRIEVAL: dict[str, Schema] = {
    "collections": {
        "minItems": 1,
        "maxItems": MAX_COLLECTIONS,
        "description": "Names; without it all of the tenant that are switched on.",
    },
    "top_k": {"minimum": 1, "maximum": MAX_TOP_K, "description": "Passages; without it as the collections say."},
    "access_tags": {"maxItems": MAX_TAGS, "description": "Narrows what the key may see."},
    "filters": {
        "maxProperties": MAX_FILTERS,
        "description": "Field of a document's metadata to a value, to a list of which it has one, or to bounds such as "
        '`{"gte": 1, "lt": 5}`.',
    },
}

_REQUESTS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "ChatRequest": (ChatRequest, "OpenAI's request plus `mode`, `budget`, `tags`, `priority`; others are passed on."),
    "RetrievalRequest": (RetrievalRequest, "What is looked for, and where; unknown fields are refused."),
    "UpsertRequest": (UpsertRequest, "Documents that are added, or put in the place of those with their ids."),
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
    "RetrievalOptions": {
        **_RETRIEVAL,
        "self_consistency": {
            "minimum": 0,
            "maximum": MAX_RESAMPLES,
            "description": "How often the model is asked once more, at your cost, to see whether it says the same.",
        },
    },
    "RetrievalRequest": {**_RETRIEVAL, "query": {"minLength": 1}},
    "UpsertRequest": {
        "collection": {"minLength": 1, "maxLength": 64},
        "documents": {"minItems": 1, "maxItems": MAX_DOCUMENTS},
    },
    "GivenDocument": {
        "id": {"minLength": 1, "maxLength": MAX_ID, "description": "Your own name for it."},
        "content_base64": {"description": "Of a file, in place of `text`."},
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
    "citations": _list(_ref("Citation")),
    "trace_id": {**_STRING, "pattern": "^[0-9a-f]{32}$", "examples": ["07de68ce90d1b32e7cee9c8451aa0461"]},
    "correlation_id": _ref("CorrelationId"),
    "route": _STRING,
    "provider": _STRING,
}
_DOCUMENT_FIELDS: dict[str, Schema] = {
    "state": {"enum": list(STATES)},
    "characters": _COUNT,
    "chunks": _COUNT,
    "metadata": _ANY_OBJECT,
    "access_tags": _list(_STRING),
    "updated_at": _TIME,
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
    "Citation": _whole(
        number={"type": "integer", "minimum": 1, "description": "The `n` of `[n]` in the answer."},
        collection=_STRING,
        document_id=_STRING,
        external_id={**_STRING, "description": "Your own name for the document."},
        title=_STRING,
        uri=_STRING,
        chunk_id=_INTEGER,
        start={**_COUNT, "description": "The passage's first character in the document's text."},
        end=_COUNT,
        page={"type": ["integer", "null"]},
        score={"type": "number"},
        quote={**_STRING, "description": "The beginning of the passage."},
        cited_at=_list(_whole(start=_COUNT, end=_COUNT)),
    ),
    "Passage": _whole(
        number={"type": "integer", "minimum": 1},
        collection=_STRING,
        document_id=_STRING,
        external_id=_STRING,
        title=_STRING,
        uri=_STRING,
        heading=_STRING,
        page={"type": ["integer", "null"]},
        chunk_id=_INTEGER,
        position=_COUNT,
        start=_COUNT,
        end=_COUNT,
        score={"type": "number", "minimum": 0, "maximum": 1},
        text=_STRING,
        metadata=_ANY_OBJECT,
        flagged={
            "anyOf": [_whole(reason=_STRING, score={"type": "number"}), {"type": "null"}],
            "description": "Why the passage looks like an instruction to a model; null where it does not.",
        },
        found={"anyOf": [_ANY_OBJECT, {"type": "null"}], "description": "With `explain`: ranks and scores."},
    ),
    "RetrievalAnswer": _whole(
        object={"const": "retrieval"},
        passages=_list(_ref("Passage")),
        method={"enum": ["hybrid", "keyword", "vector"]},
        queries=_list(_STRING),
        withheld={**_COUNT, "description": "Passages that policies do not let through."},
        degraded={**_STRING, "description": "What was left out; empty where nothing was."},
        timings_ms={"type": "object", "additionalProperties": {"type": "number"}},
        correlation_id=_ref("CorrelationId"),
    ),
    "Document": _whole(
        object={"const": "document"},
        collection=_STRING,
        **{name: {**_DOCUMENT_FIELDS.get(name, _STRING)} for name in StoredDocument.__struct_fields__},
    ),
    "DocumentList": _object(
        ("object", "data"),
        object={"const": "list"},
        data=_list(_ref("Document")),
        next_cursor={**_TEXT_OR_NULL, "description": "For the next page; null on the last one."},
    ),
    "DeletedDocuments": _whole(object={"const": "deleted"}, collection=_STRING, ids=_list(_STRING)),
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
        grounding={
            "anyOf": [_ANY_OBJECT, {"type": "null"}],
            "description": "Of an answer that rests on documents: its passages, and how far it rests on them.",
        },
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
