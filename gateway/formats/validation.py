"""Turning wire objects into typed requests, with errors that name the field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from contracts.chat import JsonObject
from contracts.errors import InvalidRequest

T = TypeVar("T")

_decoder = msgspec.json.Decoder()
_PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")


def decode_object(body: bytes) -> JsonObject:
    """The request body as a JSON object.

    Raises:
        InvalidRequest: not JSON, or JSON that is not an object.
    """
    try:
        decoded = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    if not isinstance(decoded, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return decoded


def convert(body: JsonObject, type_: type[T]) -> T:
    """``body`` as ``type_``.

    Raises:
        InvalidRequest: a field is missing or of the wrong type; ``param`` is its path.
    """
    try:
        return msgspec.convert(body, type_)
    except msgspec.ValidationError as error:
        text = str(error)
        match = _PATH.search(text)
        path = match["path"] if match else None
        raise InvalidRequest(f"{text[: match.start()] if match else text}.", param=path or None) from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error


def require_range(value: float | None, param: str, low: float, high: float) -> None:
    """Refuse a number outside ``low``..``high`` (inclusive); None is fine.

    Raises:
        InvalidRequest: it is outside.
    """
    if value is not None and not low <= value <= high:
        raise InvalidRequest(f"'{param}' must be between {low:g} and {high:g}, got {value:g}.", param=param)


def tags_of(tags: dict[str, str] | list[str] | None) -> dict[str, str]:
    """``tags`` as name → value; a list's members get the empty value.

    Raises:
        InvalidRequest: more than 32, or one longer than 128 characters.
    """
    if not tags:
        return {}
    named = tags if isinstance(tags, dict) else dict.fromkeys(tags, "")
    if len(named) > 32 or any(len(name) > 128 or len(value) > 128 for name, value in named.items()):
        raise InvalidRequest("At most 32 tags of at most 128 characters each.", param="tags")
    return named


def set_if(target: JsonObject, name: str, value: Any) -> None:
    """Set ``target[name]`` unless ``value`` is None."""
    if value is not None:
        target[name] = value
