"""Bodies: JSON objects of bounded size, however they are sent, and nothing that PostgreSQL could not keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from contracts.errors import PayloadTooLarge

_MAX_DEPTH = 32


def read_without_length(request: Request) -> Request:
    """The request; a body whose length was not told beforehand (RFC 9112, 7.1: chunked) is read as well.

    DRF takes a body without Content-Length for none. The parser's own bound holds for it, too.
    """
    sent = request._request
    if "transfer-encoding" in sent.headers and "content-length" not in sent.headers:
        request._stream = sent  # type: ignore[assignment]
    return request


class JsonObjectParser(BaseParser):
    """One JSON object (RFC 8259) of at most ``MANAGEMENT_MAX_BODY_BYTES``."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The object; an empty one where a body of unknown length turns out to be empty.

        Raises:
            PayloadTooLarge: over the limit; the body is not read to its end.
            ParseError: it is no JSON object, or holds a NUL character or more than 32 levels.
        """
        limit: int = settings.MANAGEMENT_MAX_BODY_BYTES
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise PayloadTooLarge(f"The body is larger than {limit:,} bytes.")
        if not raw:
            return {}
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
        if not isinstance(body, dict):
            raise ParseError("The body must be a JSON object.")
        _check(body, depth=1)
        return body


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ParseError(f"The body has more than {_MAX_DEPTH} levels.")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError("The body holds a NUL character (\\u0000), which no field may have.")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check(name, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
