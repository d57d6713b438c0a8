"""Field validators of the routing tables; each message says what to write instead."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from contracts.chat import GATEWAY_FIELDS, KNOWN_FIELDS
from routing.providers.registry import adapters

PROVIDER_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z",
    "Write letters, digits, '.', '_' and '-', starting with a letter or digit; '/' separates provider and model.",
)
MODEL_NAME = RegexValidator(
    r"^[A-Za-z0-9@][A-Za-z0-9@._:/+-]*\Z", "Write the name as callers will send it, without spaces."
)

SANDBOX_SCHEME = "sandbox://"

DROPPABLE = KNOWN_FIELDS - GATEWAY_FIELDS - {"messages", "model", "stream", "stream_options"}
"""OpenAI fields that a target may be told to leave out."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]*", re.ASCII)
_CREDENTIAL_HEADER = re.compile(r"auth|token|secret|api-?key|credential|password|cookie|signature", re.ASCII)
_CONNECTION_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "content-type"}
)


def validate_kind(value: str) -> None:
    """A kind that some adapter in ``routing/providers`` speaks."""
    if value not in adapters():
        raise ValidationError(f"No adapter speaks {value!r}; known kinds: {', '.join(sorted(adapters()))}.")


def validate_base_url(value: str) -> None:
    """An absolute http(s) address without credentials, query or fragment; single-label hosts are fine.

    ``sandbox://`` is accepted as well: the built-in provider, which is at no address.
    """
    if value == SANDBOX_SCHEME:
        return
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValidationError(f"{value!r} is no address ({error}).") from error
    if parts.scheme not in ("http", "https") or not host or any(character.isspace() for character in value):
        raise ValidationError("Write an address such as 'https://api.example.com/v1' or 'http://vllm:8000/v1'.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("Addresses hold no credentials; use the secret reference.")
    if parts.query or parts.fragment:
        raise ValidationError("The address ends with its path: no '?' and no '#'.")


def validate_headers(value: Any) -> None:
    """A JSON object of header names and values, none of which carries a credential."""
    _validate_pairs(value, "headers")
    for name, text in value.items():
        lowered = name.lower()
        if not _HEADER_NAME.fullmatch(name) or not _PRINTABLE.fullmatch(text):
            raise ValidationError(f"{name!r}: a header has a token as its name and printable ASCII as its value.")
        if _CREDENTIAL_HEADER.search(lowered):
            raise ValidationError(
                f"{name!r} looks like a credential, and extra headers are stored in clear; use the secret reference."
            )
        if lowered in _CONNECTION_HEADERS:
            raise ValidationError(f"{name!r} is set by the gateway itself.")


def validate_match_pairs(value: Any) -> None:
    """A JSON object of names and values to match; an empty value matches any."""
    _validate_pairs(value, "conditions")


def validate_droppable(value: str) -> None:
    """A field of OpenAI's chat request without which the request still makes sense."""
    if value not in DROPPABLE:
        raise ValidationError(f"{value!r} cannot be left out; choose from: {', '.join(sorted(DROPPABLE))}.")


def validate_options(value: Any) -> None:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValidationError('Write a JSON object such as {"latency_ms": 20}.')


def _validate_pairs(value: Any, what: str) -> None:
    if not isinstance(value, dict):
        raise ValidationError(f'The {what} are a JSON object such as {{"name": "value"}}.')
    for name, text in value.items():
        if not name or not isinstance(text, str):
            raise ValidationError(f"{name!r}: names and values are texts, and a name is not empty.")
