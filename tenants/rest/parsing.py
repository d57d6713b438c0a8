"""Bodies: JSON objects (and forms with files, where a resource takes those) of bounded size, however they are sent, and
nothing that PostgreSQL could not keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
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


class UploadedPart(msgspec.Struct, frozen=True):
    """A file of a form."""

    name: str
    media_type: str
    content: bytes


class FormWithFilesParser(BaseParser):
    """A form with files (RFC 7578) of at most :attr:`max_bytes`; texts as they are, files as :class:`UploadedPart`.

    A field that is sent more than once is refused: nothing tells which one is meant.
    """

    media_type = "multipart/form-data"
    max_bytes = 1024 * 1024

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The form's fields by name.

        Raises:
            PayloadTooLarge: over the limit; the body is not read to its end.
            ParseError: it is no such form, holds a NUL character, or a field twice.
        """
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise PayloadTooLarge(f"The body is larger than {self.max_bytes:,} bytes.")
        told = {"CONTENT_TYPE": media_type or "", "CONTENT_LENGTH": str(len(raw))}
        handlers = [MemoryFileUploadHandler(), TemporaryFileUploadHandler()]
        try:
            texts, files = MultiPartParser(told, BytesIO(raw), handlers, "utf-8").parse()
        except (MultiPartParserError, TooManyFilesSent, TooManyFieldsSent) as error:
            raise ParseError(f"The body is no form: {error}.") from error
        except RequestDataTooBig as error:
            raise PayloadTooLarge("The form's texts are too large.") from error
        fields: dict[str, Any] = {name: _only(name, values) for name, values in texts.lists()}
        for name, values in files.lists():
            if name in fields:
                raise ParseError(f"The form has {name!r} twice.")
            one = _only(name, values)
            with one:
                fields[name] = UploadedPart(one.name or "", one.content_type or "", one.read())
        _check({name: value for name, value in fields.items() if isinstance(value, str)}, depth=1)
        return fields


def _only(name: str, values: list[Any]) -> Any:
    if len(values) != 1:
        raise ParseError(f"The form has {name!r} twice.")
    return values[0]
