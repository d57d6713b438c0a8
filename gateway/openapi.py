"""The data plane in the OpenAPI document: operations, and JSON Schemas derived from the structs that validate them."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from contracts.chat import ChatRequest, EmbeddingRequest
from gateway.formats.generate import GenerateRequest
from gateway.formats.messages_request import MessagesRequest

JSON = "application/json"
SSE = "text/event-stream"
REF = "#/components/schemas/{name}"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the document and its place in Django's URLs."""

    name: str
    method: str = "POST"
    django_path: str
    tag: str
    summary: str
    description: str = ""
    body: type[msgspec.Struct] | None = None
    answer: dict[str, Any]
    streams: bool = False
    media_type: str = JSON
    authenticated: bool = True
    path_parameters: dict[str, str] = {}
    errors: tuple[int, ...] = (400, 401, 402, 403, 404, 408, 413, 415, 429, 500, 502, 503, 504)
    example: dict[str, Any] | None = None


def _object(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": True}


_STRING: dict[str, Any] = {"type": "string"}
_INTEGER: dict[str, Any] = {"type": "integer"}
_OBJECTS: dict[str, Any] = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
_COST = _object(
    ("currency", "nanousd", "total"),
    currency={"const": "USD"},
    nanousd={"type": ["integer", "null"], "description": "Null when the model's price is unknown."},
    total={"type": ["number", "null"], "description": "The same in US dollars."},
)
_FACTS: dict[str, dict[str, Any]] = {
    "cost": _COST,
    "citations": _OBJECTS,
    "trace_id": _STRING,
    "correlation_id": _STRING,
    "route": _STRING,
    "provider": _STRING,
}
_FACT_NAMES = tuple(_FACTS)
_USAGE = {"type": "object", "additionalProperties": True}

ERROR = _object(
    ("error",),
    error=_object(
        ("code", "message", "type", "param", "retryable", "correlation_id"),
        code=_STRING,
        message=_STRING,
        type=_STRING,
        param={"type": ["string", "null"]},
        retryable={"type": "boolean"},
        correlation_id=_STRING,
        details={"type": "object", "additionalProperties": True},
    ),
)

_CHAT_COMPLETION = _object(
    ("id", "object", "created", "model", "choices", "usage", "output_text", *_FACT_NAMES),
    id=_STRING,
    object={"const": "chat.completion"},
    created=_INTEGER,
    model=_STRING,
    choices=_OBJECTS,
    usage=_USAGE,
    output_text=_STRING,
    **_FACTS,
)
_MESSAGE = _object(
    ("id", "type", "role", "content", "model", "stop_reason", "usage", *_FACT_NAMES),
    id=_STRING,
    type={"const": "message"},
    role={"const": "assistant"},
    content=_OBJECTS,
    model=_STRING,
    stop_reason={"type": ["string", "null"]},
    usage=_USAGE,
    **_FACTS,
)
_GENERATED = _object(
    ("output_text", "finish_reason", "model", "usage", *_FACT_NAMES),
    output_text=_STRING,
    finish_reason={"type": ["string", "null"]},
    model=_STRING,
    usage=_USAGE,
    **_FACTS,
)
_EMBEDDINGS = _object(
    ("object", "data", "model", "usage", *_FACT_NAMES),
    object={"const": "list"},
    data=_OBJECTS,
    model=_STRING,
    usage=_USAGE,
    **_FACTS,
)
_MODEL = _object(
    ("id", "object", "created", "owned_by"), id=_STRING, object={"const": "model"}, created=_INTEGER, owned_by=_STRING
)
_RUN = _object(
    ("correlation_id", "status", "events"), correlation_id=_STRING, status=_STRING, events=_OBJECTS, attempts=_OBJECTS
)

_HELLO = {"messages": [{"role": "user", "content": "Hello"}], "mode": "direct"}
_READ_ERRORS = (401, 403, 404, 405, 429, 500, 503)

OPERATIONS = (
    Operation(
        name="create_chat_completion",
        django_path="v1/chat/completions",
        tag="Model calls",
        summary="OpenAI Chat Completions, with any provider behind it",
        description="Fields that Breakwater does not know are passed on. Without `model` the tenant's default route "
        "serves the call. With `stream: true` the answer is a stream of `chat.completion.chunk` events.",
        body=ChatRequest,
        answer=_CHAT_COMPLETION,
        streams=True,
        example=_HELLO,
    ),
    Operation(
        name="create_message",
        django_path="v1/messages",
        tag="Model calls",
        summary="Anthropic Messages, with any provider behind it",
        description="Errors come in Anthropic's shape with Breakwater's fields added.",
        body=MessagesRequest,
        answer=_MESSAGE,
        streams=True,
        example={"model": "default", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]},
    ),
    Operation(
        name="count_message_tokens",
        django_path="v1/messages/count_tokens",
        tag="Model calls",
        summary="Estimate a prompt's tokens",
        body=MessagesRequest,
        answer=_object(("input_tokens",), input_tokens=_INTEGER),
        example={"model": "default", "messages": [{"role": "user", "content": "Hello"}]},
    ),
    Operation(
        name="generate",
        django_path="v1/generate",
        tag="Model calls",
        summary="A prompt in, a text out",
        body=GenerateRequest,
        answer=_GENERATED,
        example={"prompt": "Hello"},
    ),
    Operation(
        name="generate_stream",
        django_path="v1/generate/stream",
        tag="Model calls",
        summary="The same as a stream of `token` events and one `done`",
        body=GenerateRequest,
        answer=_GENERATED,
        media_type=SSE,
        example={"prompt": "Hello"},
    ),
    Operation(
        name="create_embedding",
        django_path="v1/embeddings",
        tag="Model calls",
        summary="OpenAI Embeddings",
        body=EmbeddingRequest,
        answer=_EMBEDDINGS,
        example={"model": "sandbox-embed", "input": "Hello"},
    ),
    Operation(
        name="list_models",
        method="GET",
        django_path="v1/models",
        tag="Reading",
        summary="Routes and models that this key may name",
        answer=_object(("object", "data"), object={"const": "list"}, data={"type": "array", "items": _MODEL}),
        errors=_READ_ERRORS,
    ),
    Operation(
        name="retrieve_model",
        method="GET",
        django_path="v1/models/<model_name:model>",
        tag="Reading",
        summary="One of them",
        answer=_MODEL,
        path_parameters={"model": "A route, a model, or `provider/model`."},
        errors=_READ_ERRORS,
    ),
    Operation(
        name="retrieve_run",
        method="GET",
        django_path="v1/runs/<str:correlation_id>",
        tag="Reading",
        summary="Everything known about one call: events, attempts, tokens, cost, timings",
        answer=_RUN,
        path_parameters={"correlation_id": "The `x-correlation-id` of the call's answer."},
        errors=_READ_ERRORS,
    ),
    Operation(
        name="health",
        method="GET",
        django_path="health",
        tag="Operations",
        summary="Whether this worker lives",
        answer=_object(("status",), status={"const": "ok"}),
        authenticated=False,
        errors=(405,),
    ),
    Operation(
        name="health_detailed",
        method="GET",
        django_path="health/detailed",
        tag="Operations",
        summary="Each dependency and each target's breaker",
        answer=_object(
            ("status", "dependencies", "targets"),
            status={"enum": ["ok", "degraded"]},
            dependencies={"type": "object", "additionalProperties": {"type": "object"}},
            targets=_OBJECTS,
        ),
        authenticated=False,
        errors=(405, 500),
    ),
    Operation(
        name="metrics",
        method="GET",
        django_path="metrics",
        tag="Operations",
        summary="Prometheus metrics",
        answer=_STRING,
        media_type="text/plain",
        authenticated=False,
        errors=(405, 500),
    ),
)


def body_of(operation: Operation) -> Any:
    """What ``extend_schema(request=...)`` takes."""
    if operation.body is None:
        return None
    return {JSON: {"$ref": REF.format(name=operation.body.__name__)}}


def responses_of(operation: Operation) -> dict[Any, Any]:
    """What ``extend_schema(responses=...)`` takes."""
    examples = [OpenApiExample("Hello", value=operation.example, request_only=True)] if operation.example else []
    responses: dict[Any, Any] = {
        (200, operation.media_type): OpenApiResponse(operation.answer, description="Answered", examples=examples)
    }
    if operation.streams:
        responses[200, SSE] = OpenApiResponse(_STRING, description="Server-sent events")
    for status in (*operation.errors, *((405,) if 405 not in operation.errors else ())):
        responses[status, JSON] = OpenApiResponse({"$ref": REF.format(name="Error")}, description="Error")
    return responses


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular post-processing hook: the schemas and the security scheme that the operations refer to."""
    bodies = [operation.body for operation in OPERATIONS if operation.body is not None]
    _ignored, schemas = msgspec.json.schema_components(list(dict.fromkeys(bodies)), ref_template=REF)
    for schema in schemas.values():
        # `body` is how a request keeps the whole wire object; it is not a field of the API.
        schema.get("properties", {}).pop("__body__", None)
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas, Error=ERROR)
    components.setdefault("securitySchemes", {})["ApiKey"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "A tenant's API key.",
    }
    return result
