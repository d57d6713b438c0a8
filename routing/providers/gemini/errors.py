"""Which error class a Gemini error is: by its ``status`` (a google.rpc.Code) and its details."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.errors import (
    ProviderAuthFailed,
    ProviderContextTooLong,
    ProviderError,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.providers.gemini.response import NAME
from routing.providers.http_errors import class_of, provider_error
from routing.providers.openai_shape import quoted
from routing.providers.retry_after import retry_after_s

_BY_CODE: dict[str, type[ProviderError]] = {
    "INVALID_ARGUMENT": ProviderRejected,
    "OUT_OF_RANGE": ProviderRejected,
    # Billing is not enabled, or Google does not serve the gateway's country: nothing the caller can change.
    "FAILED_PRECONDITION": ProviderAuthFailed,
    "UNAUTHENTICATED": ProviderAuthFailed,
    "PERMISSION_DENIED": ProviderAuthFailed,
    "NOT_FOUND": ProviderModelNotFound,
    "RESOURCE_EXHAUSTED": ProviderRateLimited,
    "DEADLINE_EXCEEDED": ProviderTimeout,
    "CANCELLED": ProviderUnavailable,
    "ABORTED": ProviderUnavailable,
    "INTERNAL": ProviderUnavailable,
    "UNAVAILABLE": ProviderUnavailable,
    "UNKNOWN": ProviderUnavailable,
}
_TOO_LONG = re.compile(r"token count.{0,80}exceeds the maximum|exceeds the maximum number of tokens", re.IGNORECASE)
_BAD_KEY = re.compile(r"API[ _]key (?:not valid|expired|not found)", re.IGNORECASE)
_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"})


def classified(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for a response that is not 2xx, also when a proxy answered with its own page."""
    return _error(_error_object(_json(body)), status, retry_after_s(headers, body))


def in_stream(raw: Any) -> ProviderError:
    """The error for an ``error`` object in a stream whose status was 200."""
    error = _error_object(raw)
    status = error.get("code")
    body = msgspec.json.encode(raw)
    return _error(error, status if isinstance(status, int) else 500, retry_after_s({}, body))


def _error(error: dict[str, Any], status: int, retry_after: float | None) -> ProviderError:
    said = error.get("message")
    message = said if isinstance(said, str) else ""
    kind = _BY_CODE.get(str(error.get("status", "")), class_of(status, message))
    if kind is ProviderRejected and (_BAD_KEY.search(message) or _reasons(error) & _KEY_REASONS):
        kind = ProviderAuthFailed
    elif kind is ProviderRejected and _TOO_LONG.search(message):
        kind = ProviderContextTooLong
    return provider_error(
        kind, provider=NAME, message=quoted(NAME, message, status), status=status, retry_after_s=retry_after
    )


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _error_object(raw: Any) -> dict[str, Any]:
    """``error`` of an object, or of the first object of a list, as streams without ``alt=sse`` have it."""
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error") if isinstance(raw, dict) else None
    return error if isinstance(error, dict) else {}


def _reasons(error: dict[str, Any]) -> set[str]:
    details = error.get("details")
    if not isinstance(details, list):
        return set()
    return {str(detail.get("reason")) for detail in details if isinstance(detail, dict)}
