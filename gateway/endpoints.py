"""The table of the data plane's endpoints: what both doors serve, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from contracts.chat import JsonObject
from contracts.errors import GatewayError, InternalError, MethodNotAllowed, PayloadTooLarge, UnsupportedMediaType
from contracts.ids import new_correlation_id
from gateway.analytics import Analytics
from gateway.engine.headers import plain_headers
from gateway.exchange import Answer, GatewayRequest
from gateway.feedback import FeedbackEndpoint
from gateway.formats.base import ChatFormat
from gateway.formats.generate import GenerateFormat
from gateway.formats.messages import MessagesFormat, count_tokens_body
from gateway.formats.openai import OpenAIChatFormat
from gateway.health import Health
from gateway.pipeline import Pipeline
from gateway.reads import Reads
from gateway.retrieval import RetrievalEndpoints
from gateway.tool_results import ToolResultEndpoints

log = logging.getLogger(__name__)

Serve = Callable[[GatewayRequest, str], Awaitable[Answer]]
ErrorBody = Callable[[GatewayError, str], JsonObject]


def _common_error(error: GatewayError, correlation_id: str) -> JsonObject:
    return error.as_body(correlation_id)


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint; a ``template`` ending in ``}`` takes the rest of the path as its argument."""

    method: str
    template: str
    serve: Serve
    error_body: ErrorBody = _common_error
    others: tuple[str, ...] = ()
    """Further methods of the path, which other endpoints serve."""

    @property
    def allow(self) -> str:
        """All methods of the path."""
        return ", ".join((self.method, *self.others))


class Endpoints:
    """Finds the endpoint of a path."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        reads: Reads,
        analytics: Analytics,
        health: Health,
        tools: ToolResultEndpoints,
        feedback: FeedbackEndpoint,
        retrieval: RetrievalEndpoints,
    ) -> None:
        messages = MessagesFormat()
        self.table = (
            _chat(pipeline, "/v1/chat/completions", OpenAIChatFormat()),
            _chat(pipeline, "/v1/messages", messages),
            _chat(pipeline, "/v1/generate", GenerateFormat(streamed=False)),
            _chat(pipeline, "/v1/generate/stream", GenerateFormat(streamed=True)),
            Endpoint("POST", "/v1/embeddings", _embeddings(pipeline)),
            Endpoint("POST", "/v1/messages/count_tokens", _count_tokens(reads), error_body=messages.error_body),
            Endpoint("POST", "/v1/tools/results", lambda request, _: tools.keep(request)),
            Endpoint("POST", "/v1/tools/results/lookup", lambda request, _: tools.look_up(request)),
            Endpoint("POST", "/v1/feedback", lambda request, _: feedback.take(request)),
            Endpoint("POST", "/v1/retrieval/query", lambda request, _: retrieval.query(request)),
            *_of_one_path(
                Endpoint("GET", "/v1/retrieval/documents", lambda request, _: retrieval.list(request)),
                Endpoint("POST", "/v1/retrieval/documents", lambda request, _: retrieval.upsert(request)),
                Endpoint("DELETE", "/v1/retrieval/documents", lambda request, _: retrieval.delete(request)),
            ),
            Endpoint("GET", "/v1/models", lambda request, _: reads.models(request)),
            Endpoint("GET", "/v1/models/{model}", reads.model),
            Endpoint("GET", "/v1/runs/{correlation_id}", reads.run),
            Endpoint("GET", "/v1/analytics/usage", lambda request, _: analytics.usage(request)),
            Endpoint("GET", "/v1/analytics/costs", lambda request, _: analytics.costs(request)),
            Endpoint("GET", "/v1/analytics/what-if", lambda request, _: analytics.what_if(request)),
            Endpoint("GET", "/v1/analytics/guardrails", lambda request, _: analytics.guardrails(request)),
            Endpoint("GET", "/v1/analytics/cache", lambda request, _: analytics.cache(request)),
            Endpoint("GET", "/health", lambda request, _: health.alive()),
            Endpoint("GET", "/health/detailed", lambda request, _: health.detailed()),
            Endpoint("GET", "/metrics", lambda request, _: health.metrics()),
        )
        exact = [endpoint for endpoint in self.table if not endpoint.template.endswith("}")]
        self._exact: Mapping[str, Endpoint] = {endpoint.template: endpoint for endpoint in reversed(exact)}
        self._by_method: Mapping[tuple[str, str], Endpoint] = {
            (endpoint.method, endpoint.template): endpoint for endpoint in exact if endpoint.others
        }
        self._prefixes = tuple(
            (endpoint.template.partition("{")[0], endpoint)
            for endpoint in self.table
            if endpoint.template.endswith("}")
        )

    def find(self, path: str, method: str = "") -> tuple[Endpoint, str] | None:
        """The endpoint that serves this path, with its path argument ("" where it takes none); one of another method
        where none has this.
        """
        endpoint = self._exact.get(path)
        if endpoint is not None:
            return (self._by_method.get((method, path), endpoint) if endpoint.others else endpoint), ""
        for prefix, endpoint in self._prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return endpoint, path[len(prefix) :]
        return None


async def serve(endpoint: Endpoint, argument: str, request: GatewayRequest) -> Answer:
    """Serve one request that has passed :func:`check_head`, with its body read. Raises nothing but cancellation."""
    try:
        return await endpoint.serve(request, argument)
    except GatewayError as error:
        return refuse(error, endpoint)
    except Exception:
        log.exception("%s failed", endpoint.template)
        return refuse(InternalError("Internal error. The correlation id finds it in our log."), endpoint)


def check_head(endpoint: Endpoint, method: str, headers: Mapping[str, str]) -> None:
    """Refuse what can be refused before the body is read.

    Raises:
        MethodNotAllowed: the endpoint has another method.
        UnsupportedMediaType: the body is not announced as JSON, or is compressed.
    """
    if method != endpoint.method and not (method == "HEAD" and endpoint.method == "GET"):
        raise MethodNotAllowed(
            f"{endpoint.template} takes {endpoint.allow}, not {method}.", details={"allow": endpoint.allow}
        )
    if endpoint.method != "POST":
        return
    media_type = (headers.get("content-type") or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"Send 'Content-Type: application/json', not '{media_type}'.")
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Compressed bodies ('{encoding}') are not supported.")


def too_large(limit: int) -> PayloadTooLarge:
    """The body has more than ``limit`` bytes."""
    return PayloadTooLarge(f"The body is larger than {limit} bytes.", details={"max_bytes": limit})


def refuse(error: GatewayError, endpoint: Endpoint | None = None) -> Answer:
    """The answer to a request that never became a call, in the endpoint's own error shape."""
    correlation_id = new_correlation_id()
    error_body = endpoint.error_body if endpoint is not None else _common_error
    headers = plain_headers(correlation_id, error)
    if isinstance(error, MethodNotAllowed) and endpoint is not None:
        headers.append((b"allow", endpoint.allow.encode()))
    return Answer(error.status, headers, msgspec.json.encode(error_body(error, correlation_id)))


def _of_one_path(*endpoints: Endpoint) -> tuple[Endpoint, ...]:
    """Endpoints that differ in their methods."""
    methods = [one.method for one in endpoints]
    return tuple(
        msgspec.structs.replace(one, others=tuple(method for method in methods if method != one.method))
        for one in endpoints
    )


def _chat(pipeline: Pipeline, template: str, format_: ChatFormat) -> Endpoint:
    async def serve(request: GatewayRequest, _: str) -> Answer:
        return await pipeline.serve(request, endpoint=template, format_=format_)

    return Endpoint("POST", template, serve, error_body=format_.error_body)


def _embeddings(pipeline: Pipeline) -> Serve:
    async def serve(request: GatewayRequest, _: str) -> Answer:
        return await pipeline.serve(request, endpoint="/v1/embeddings", format_=None)

    return serve


def _count_tokens(reads: Reads) -> Serve:
    async def serve(request: GatewayRequest, _: str) -> Answer:
        return await reads.count_tokens(request, count_tokens_body)

    return serve
