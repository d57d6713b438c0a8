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
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.providers.anthropic.response import NAME
from routing.providers.http_errors import class_of, provider_error
from routing.providers.openai_shape import quoted
from routing.providers.retry_after import retry_after_s

_BY_TYPE: dict[str, type[ProviderError]] = {
    "invalid_request_error": ProviderRejected,
    "authentication_error": ProviderAuthFailed,
    "billing_error": ProviderQuotaExhausted,
    "permission_error": ProviderAuthFailed,
    "not_found_error": ProviderModelNotFound,
    "request_too_large": ProviderContextTooLong,
    "rate_limit_error": ProviderRateLimited,
    "timeout_error": ProviderTimeout,
    "api_error": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
}
_TOO_LONG = re.compile(r"prompt is too long|exceed(?:s|ed)? (?:the )?context (?:limit|window)", re.IGNORECASE)
_FILTERED = re.compile(r"content filtering policy|blocked by content filter", re.IGNORECASE)
_NO_CREDIT = re.compile(r"credit balance is too low|usage limits", re.IGNORECASE)


def classified(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for a response that is not 2xx, also when a proxy answered with its own page."""
    kind, message = _said(body)
    error = class_of(status, message)
    # The status decides where the two disagree about who is to blame: 5xx is never the caller's fault.
    if status < 500 and status != 429:
        error = _BY_TYPE.get(kind, error)
    return _error(error, message, status, retry_after_s(headers, body))


def in_stream(raw: Any) -> ProviderError:
    """The error for an ``error`` event in a stream whose status was 200."""
    kind, message = _kind_and_message(raw)
    return _error(_BY_TYPE.get(kind, ProviderUnavailable), message or kind, 200, None)


def _error(kind: type[ProviderError], message: str, status: int, retry_after: float | None) -> ProviderError:
    return provider_error(
        _refined(kind, message),
        provider=NAME,
        message=quoted(NAME, message, status),
        status=status,
        retry_after_s=retry_after,
    )


def _refined(error: type[ProviderError], message: str) -> type[ProviderError]:
    """What an ``invalid_request_error`` is really about, which only its words tell."""
    if error is not ProviderRejected:
        return error
    if _TOO_LONG.search(message):
        return ProviderContextTooLong
    if _FILTERED.search(message):
        return ProviderContentFiltered
    return ProviderQuotaExhausted if _NO_CREDIT.search(message) else error


def _said(body: bytes) -> tuple[str, str]:
    try:
        return _kind_and_message(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""


def _kind_and_message(raw: Any) -> tuple[str, str]:
    error = raw.get("error") if isinstance(raw, dict) else None
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message")
    return str(error.get("type", "")), message if isinstance(message, str) else ""
