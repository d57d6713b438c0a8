"""Typed reading of message content parts.

A part that this module does not know is returned as :class:`OtherPart`; an adapter that cannot carry it must
refuse it with ``UnsupportedParameter`` rather than drop it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

import msgspec

from contracts.chat import JsonObject, Message
from contracts.errors import InvalidRequest

_DATA_URI = re.compile(r"data:(?P<media>[\w.+-]+/[\w.+-]+)?(?P<params>(?:;[\w=.+-]+)*?)(?P<b64>;base64)?,", re.ASCII)


class TextPart(msgspec.Struct, frozen=True):
    """A piece of text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True):
    """An image by URL, or by value when ``data`` (base64) and ``media_type`` are set."""

    url: str
    media_type: str | None = None
    data: str | None = None
    detail: str | None = None


class OtherPart(msgspec.Struct, frozen=True):
    """Audio, file, refusal or a kind of part that is newer than this code."""

    kind: str
    raw: JsonObject


Part = TextPart | ImagePart | OtherPart


def parts_of(message: Message) -> Iterator[Part]:
    """The message's content as typed parts; a plain string is one :class:`TextPart`.

    Raises:
        InvalidRequest: a part lacks what its type requires, or a data URI is not valid base64.
    """
    if message.content is None:
        return
    if isinstance(message.content, str):
        yield TextPart(message.content)
        return
    for raw in message.content:
        yield _part(raw)


def text_of(message: Message) -> str:
    """All text parts joined with newlines; other parts are skipped."""
    return "\n".join(part.text for part in parts_of(message) if isinstance(part, TextPart))


def _part(raw: JsonObject) -> Part:
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("Every content part needs a string 'type'.", param="messages")
    if kind == "text":
        text = raw.get("text")
        if not isinstance(text, str):
            raise InvalidRequest("A content part of type 'text' needs a string 'text'.", param="messages")
        return TextPart(text)
    if kind == "image_url":
        return _image(raw)
    return OtherPart(kind, raw)


def _image(raw: JsonObject) -> ImagePart:
    image = raw.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        raise InvalidRequest(
            'A content part of type \'image_url\' needs {"image_url": {"url": "..."}}.', param="messages"
        )
    detail = image.get("detail") if isinstance(image, dict) else None
    if not url.startswith("data:"):
        return ImagePart(url, detail=detail)
    match = _DATA_URI.match(url)
    if match is None or not match["b64"] or not match["media"]:
        raise InvalidRequest("An image data URI must look like 'data:image/png;base64,...'.", param="messages")
    data = url[match.end() :]
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("An image data URI holds invalid base64.", param="messages") from error
    return ImagePart(url, media_type=match["media"], data=data, detail=detail)
