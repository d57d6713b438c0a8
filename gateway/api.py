"""The second door: the data plane's endpoints as DRF views, for the OpenAPI document and ``APIClient``.

They hand the request to the same table as the lane does. Serving traffic through them works, at a tenth of the
lane's speed.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from contracts.addresses import client_address
from contracts.errors import GatewayError, NotFound
from gateway.endpoints import check_head, refuse, serve, too_large
from gateway.exchange import Answer, GatewayRequest
from gateway.openapi import body_of, examples_of, responses_of, security_of
from gateway.openapi_operations import OPERATIONS, Operation
from gateway.process import running


class TakeAnything(BaseContentNegotiation):
    """The pipeline decides what it answers with: JSON, or an event stream when the body asks for one."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Never used: the body is read raw."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Used for DRF's own errors only."""
        return renderers[0], renderers[0].media_type


class GatewayView(APIView):
    """Hands any method to the table of endpoints; authentication is the pipeline's."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = TakeAnything

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None: the table says itself when there is something to allow."""
        return {}

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """The table refuses wrong methods in the data plane's own error shape."""
        return answer(request._request)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """As any other method that an endpoint does not have."""
        return answer(request._request)


def answer(request: HttpRequest) -> HttpResponseBase:
    """Serve one Django request through the process's gateway, checked in the same order as in the lane."""
    process = running()
    endpoints = process.runtime.endpoints
    headers = {name.lower(): value for name, value in request.headers.items() if value}
    found = endpoints.find(request.path, request.method or "GET")
    if found is None:
        return _response(request, refuse(NotFound(f"There is nothing at {request.path}.")))
    endpoint, argument = found
    try:
        check_head(endpoint, request.method or "GET", headers)
        body = _body(request) if request.method == "POST" else b""
    except GatewayError as error:
        return _response(request, refuse(error, endpoint))
    exchange = GatewayRequest(
        method=request.method or "GET",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers=headers,
        client_ip=client_address(request.META.get("REMOTE_ADDR", ""), headers, settings.TRUSTED_PROXIES),
        body=body,
        received_at=time.monotonic(),
    )
    return _response(request, process.run(serve(endpoint, argument, exchange)))


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise too_large(settings.GATEWAY_MAX_BODY_BYTES) from None


def _response(request: HttpRequest, given: Answer) -> HttpResponseBase:
    response: HttpResponseBase
    if given.stream is not None:
        response = StreamingHttpResponse(_Pieces(running().iterate(given.stream)), status=given.status)
    else:
        response = HttpResponse(b"" if request.method == "HEAD" else given.body, status=given.status)
        # Set here, so that an answer without a body to HEAD still tells the length of the one to GET.
        response["content-length"] = str(len(given.body))
    for name, value in given.headers:
        response[name.decode()] = value.decode("latin-1")
    return response


class _Pieces:
    """The rest of a stream; closing it closes the stream, even if nobody has asked for a piece yet."""

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        # The first piece is asked for here, so that the stream has begun whatever happens to the response.
        self._first: bytes | None = next(pieces)
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else next(self._pieces)

    def close(self) -> None:
        """Called by Django when the response is over or its client has left."""
        self._pieces.close()


def _handler(operation: Operation) -> Any:
    """What serves one operation, with its OpenAPI description."""

    @extend_schema(
        operation_id=operation.name,
        summary=operation.summary,
        description=operation.description,
        tags=[operation.tag],
        request=body_of(operation),
        responses=responses_of(operation),
        parameters=[
            OpenApiParameter(name, str, OpenApiParameter.PATH, description=text)
            for name, text in operation.path_parameters.items()
        ]
        + [
            OpenApiParameter(
                name, schema, OpenApiParameter.QUERY, description=text, required=name in operation.required
            )
            for name, (schema, text) in operation.query_parameters.items()
        ],
        examples=examples_of(operation),
        auth=security_of(operation),
    )
    def handle(self: APIView, request: Request, **_: str) -> HttpResponseBase:
        return answer(request._request)

    return handle


def _view(operations: list[Operation]) -> Any:
    """A DRF view of a path's operations."""
    methods = {operation.method.lower(): _handler(operation) for operation in operations}
    name = operations[0].name.title().replace("_", "")
    return type(f"{name}View", (GatewayView,), methods).as_view()  # type: ignore[attr-defined]


_BY_PATH: dict[str, list[Operation]] = {}
for _operation in OPERATIONS:
    _BY_PATH.setdefault(_operation.django_path, []).append(_operation)

VIEWS = {django_path: (operations[0].name, _view(operations)) for django_path, operations in _BY_PATH.items()}
"""By path in Django's URLs: the name, and what serves it."""
