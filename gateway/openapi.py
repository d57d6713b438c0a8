"""The data plane in the OpenAPI document: its operations, their headers and errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from gateway.openapi_operations import JSON, OPERATIONS, Operation
from gateway.openapi_schemas import ANSWERS, REF, components

SSE = "text/event-stream"
CSV = "text/csv"

_ERROR_TEXTS = {
    400: "The request is malformed, or no target can honour it",
    401: "No key, an unknown key, or one that is expired or revoked",
    402: "The budget is used up, or too small for one token",
    403: "The key may not do this, or its tenant is suspended",
    404: "Nothing here, or nothing that this key may see",
    405: "The path has another method",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body is not JSON",
    429: "A limit of ours or of the provider is reached",
    500: "A bug of ours",
    502: "The provider failed",
    503: "No target is available, or something the call needs is down",
    504: "The deadline passed",
}


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema or {"type": "string"}}


HEADERS = {
    "x-correlation-id": _header("Finds the call in runs, events, logs and traces.", **ANSWERS["CorrelationId"]),
    "x-request-id": _header("The same, where OpenAI's clients look for it."),
    "request-id": _header("The same, where Anthropic's clients look for it."),
    "x-trace-id": _header("The W3C trace id; the caller's, if it sent a `traceparent`.", type="string"),
    "x-breakwater-route": _header("The route that was taken."),
    "x-breakwater-target": _header("`provider/model` that answered, or was tried last."),
    "x-breakwater-cost-nanousd": _header("The cost, once it is known; not on streams.", type="integer"),
    "x-breakwater-budget-remaining-nanousd": _header(
        "What is left of the tightest budget, this call's reservation taken off.", type="integer"
    ),
    "x-cache": _header("`HIT`, `MISS`, `STALE` or `BYPASS`; absent where the route keeps no answers."),
    "x-cache-mode": _header("`semantic` where a kept answer to a question in other words was given."),
    "x-cache-similarity": _header("Of the two questions, 0 to 1; with `x-cache-mode`.", type="number"),
    "x-cache-confidence": _header("How sure it was that they ask the same; with `x-cache-mode`.", type="number"),
    "age": _header("Seconds since a kept answer was made; on a `HIT`.", type="integer"),
    "x-guardrail": _header(
        "The strongest action of the policies by then: `flag`, `redact`, `mask`, `reroute` or `block`; absent where"
        " nothing was found."
    ),
    "x-breakwater-degraded": _header("`budget`: a budget is used up, and this call made do with less."),
    "x-ratelimit-limit-requests": _header("The tightest request limit.", type="integer"),
    "x-ratelimit-remaining-requests": _header("What is left of it.", type="integer"),
    "x-ratelimit-reset-requests": _header("Until it is whole again, such as `1.5s`."),
    "x-ratelimit-limit-tokens": _header("The tightest token limit.", type="integer"),
    "x-ratelimit-remaining-tokens": _header("What is left of it.", type="integer"),
    "x-ratelimit-reset-tokens": _header("Until it is whole again, such as `1.5s`."),
    "retry-after": _header("Seconds to wait, where waiting helps.", type="integer"),
    "retry-after-ms": _header("The same in milliseconds.", type="integer"),
    "allow": _header("The path's method."),
}
_IDS = ("x-correlation-id", "x-request-id", "request-id")
_LIMITS = tuple(name for name in HEADERS if name.startswith("x-ratelimit"))
_CACHE = ("age", *(name for name in HEADERS if name.startswith("x-cache")))
_OF_CALLS = (
    "x-trace-id",
    "x-guardrail",
    *_CACHE,
    *(name for name in HEADERS if name.startswith("x-breakwater")),
    *_LIMITS,
)
_SCHEMES = {
    "ApiKey": {"type": "http", "scheme": "bearer", "description": "A tenant's API key."},
    "ApiKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same key, as Anthropic's clients send it.",
    },
}


def reference(name: str) -> dict[str, str]:
    """A reference to a schema of the document."""
    return {"$ref": REF.format(name=name)}


def body_of(operation: Operation) -> Any:
    """What ``extend_schema(request=...)`` takes."""
    return {JSON: reference(operation.body)} if operation.body else None


def examples_of(operation: Operation) -> list[OpenApiExample]:
    """What ``extend_schema(examples=...)`` takes."""
    return [OpenApiExample(title, value=body, request_only=True) for title, body in operation.examples.items()]


def security_of(operation: Operation) -> Any:
    """What ``extend_schema(auth=...)`` takes."""
    return [{name: []} for name in _SCHEMES] if operation.authenticated else []


def responses_of(operation: Operation) -> dict[Any, Any]:
    """What ``extend_schema(responses=...)`` takes."""
    responses: dict[Any, Any] = {}
    if operation.answer:
        responses[200, operation.media_type] = OpenApiResponse(reference(operation.answer), description="The answer")
    elif not operation.streams:
        responses[200, operation.media_type] = OpenApiResponse({"type": "string"}, description="The answer")
    if operation.csv:
        responses[200, CSV] = OpenApiResponse({"type": "string"}, description="The same as lines")
    if operation.streams:
        responses[200, SSE] = OpenApiResponse(reference("ServerSentEvent"), description="A stream of such events")
    for status in operation.errors:
        responses[status, JSON] = OpenApiResponse(reference(operation.error), description=_ERROR_TEXTS[status])
    return responses


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular post-processing hook: what the operations refer to, and the headers of their answers."""
    found = result.setdefault("components", {})
    found.setdefault("schemas", {}).update(components())
    found.setdefault("securitySchemes", {}).update(_SCHEMES)
    found["headers"] = {**found.get("headers", {}), **HEADERS}
    operations = {operation.name: operation for operation in OPERATIONS}
    for path in result["paths"].values():
        for described in path.values():
            operation = operations.get(described["operationId"]) if isinstance(described, dict) else None
            if operation is not None:
                _add_headers(described["responses"], operation)
    return result


def _add_headers(responses: dict[str, Any], operation: Operation) -> None:
    # Errors carry more than this; a page that repeats it fourteen times an operation is not read.
    further = {"405": ("allow",), "429": ("retry-after", "retry-after-ms"), "503": ("retry-after", "retry-after-ms")}
    if operation.is_call:
        further["200"] = _OF_CALLS
        further["429"] += _LIMITS
    for status, response in responses.items():
        names = (_IDS if status == "200" else _IDS[:1]) + further.get(status, ())
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
