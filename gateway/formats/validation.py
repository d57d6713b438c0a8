"""Turning wire objects into typed requests, with errors that name the field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from contracts.chat import JsonObject
from contracts.errors import InvalidRequest

T = TypeVar("T")

MAX_MODEL_LENGTH = 512
MAX_USER_LENGTH = 1_024
MAX_MODE_LENGTH = 64
MAX_DEPTH = 200
"""Levels of nesting; Python's own limit would strike somewhere between parsing and sending on."""

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
    # Counting brackets takes microseconds; only a body that has many can be deep.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper(decoded, MAX_DEPTH):
        raise InvalidRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    return decoded


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        members = (item.values() if type(item) is dict else item for item in level)
        level = [member for inside in members for member in inside if type(member) in (dict, list)]
        if not level:
            return False
    return True


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


def require_length(value: str | None, param: str, limit: int) -> None:
    """Refuse a text of more than ``limit`` characters; None is fine.

    Raises:
        InvalidRequest: it is longer.
    """
    if value is not None and len(value) > limit:
        raise InvalidRequest(f"'{param}' must have at most {limit} characters, got {len(value)}.", param=param)


def require_range(value: float | None, param: str, low: float, high: float) -> None:
    """Refuse a number outside ``low``..``high`` (inclusive); None is fine.

    Raises:
        InvalidRequest: it is outside.
    """
    if value is not None and not low <= value <= high:
        raise InvalidRequest(f"'{param}' must be between {low:.12g} and {high:.12g}, got {value:.12g}.", param=param)


def tags_of(tags: dict[str, str] | list[str] | None) -> dict[str, str]:
    """``tags`` as name → value; a list's members get the empty value.

    Raises:
        InvalidRequest: more than 32, or one longer than 128 characters.
    """
    if not tags:
        return {}
    named = tags if isinstance(tags, dict) else dict.fromkeys(tags, "")
    # The list itself, because naming its members removes what it repeats.
    if len(tags) > 32 or any(len(name) > 128 or len(value) > 128 for name, value in named.items()):
        raise InvalidRequest("At most 32 tags of at most 128 characters each.", param="tags")
    return named


def set_if(target: JsonObject, name: str, value: Any) -> None:
    """Set ``target[name]`` unless ``value`` is None."""
    if value is not None:
        target[name] = value
