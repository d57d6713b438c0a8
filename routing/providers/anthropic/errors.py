"""Which error class an Anthropic error is: by its ``type`` where there is one, else by the status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.errors import (
    ProviderAuthFailed,
    ProviderContentFiltered,
    ProviderContextTooLong,
    ProviderError,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.providers.anthropic.response import NAME
from routing.providers.openai_shape import quoted
from routing.providers.retry_after import retry_after_s

_BY_TYPE: dict[str, type[ProviderError]] = {
    "invalid_request_error": ProviderRejected,
    "authentication_error": ProviderAuthFailed,
    "billing_error": ProviderAuthFailed,
    "permission_error": ProviderAuthFailed,
    "not_found_error": ProviderModelNotFound,
    "request_too_large": ProviderContextTooLong,
    "rate_limit_error": ProviderRateLimited,
    "timeout_error": ProviderTimeout,
    "api_error": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: ProviderAuthFailed,
    402: ProviderAuthFailed,
    403: ProviderAuthFailed,
    404: ProviderModelNotFound,
    408: ProviderTimeout,
    413: ProviderContextTooLong,
    429: ProviderRateLimited,
    504: ProviderTimeout,
}
_TOO_LONG = re.compile(r"prompt is too long|exceed(?:s|ed)? (?:the )?context (?:limit|window)", re.IGNORECASE)
_FILTERED = re.compile(r"content filtering policy|blocked by content filter", re.IGNORECASE)
_NO_CREDIT = re.compile(r"credit balance is too low|usage limits", re.IGNORECASE)


def classified(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for a response that is not 2xx, also when a proxy answered with its own page."""
    kind, message = _said(body)
    by_status = _BY_STATUS.get(status)
    if by_status is None:
        by_status = ProviderRejected if 400 <= status < 500 else ProviderUnavailable
    # The status decides where the two disagree about who is to blame: 5xx is never the caller's fault.
    error = by_status if status >= 500 or status == 429 else _BY_TYPE.get(kind, by_status)
    return _refined(error, message)(
        quoted(NAME, message, status), upstream_status=status, retry_after_s=retry_after_s(headers, body)
    )


def in_stream(raw: Any) -> ProviderError:
    """The error for an ``error`` event in a stream whose status was 200."""
    error = raw.get("error") if isinstance(raw, dict) else None
    error = error if isinstance(error, dict) else {}
    kind, message = str(error.get("type", "")), error.get("message")
    found = _refined(_BY_TYPE.get(kind, ProviderUnavailable), message)
    return found(quoted(NAME, message or kind or "error in the stream", 200), upstream_status=200)


def _refined(error: type[ProviderError], message: object) -> type[ProviderError]:
    """What an ``invalid_request_error`` is really about, which only its words tell."""
    if error is not ProviderRejected or not isinstance(message, str):
        return error
    if _TOO_LONG.search(message):
        return ProviderContextTooLong
    if _FILTERED.search(message):
        return ProviderContentFiltered
    return ProviderAuthFailed if _NO_CREDIT.search(message) else error


def _said(body: bytes) -> tuple[str, object]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", None
    error = raw.get("error") if isinstance(raw, dict) else None
    if not isinstance(error, dict):
        return "", None
    return str(error.get("type", "")), error.get("message")
