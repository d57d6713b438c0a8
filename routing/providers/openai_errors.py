"""The errors of OpenAI-compatible servers, in the shapes that are in use.

``{"error": {"message", "type", "param", "code"}}`` (OpenAI, Azure, Groq, newer vLLM), ``{"error": "text"}``
(Ollama), the same object without the envelope (Mistral, older vLLM), ``{"detail": ...}`` (FastAPI servers).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.chat import JsonObject
from contracts.errors import (
    ProviderContentFiltered,
    ProviderContextTooLong,
    ProviderError,
    ProviderModelNotFound,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderUnavailable,
)
from routing.providers.http_errors import class_of, provider_error
from routing.providers.openai_shape import quoted
from routing.providers.retry_after import retry_after_s

_BY_CODE: dict[str, type[ProviderError]] = {
    "context_length_exceeded": ProviderContextTooLong,
    "exceed_context_size_error": ProviderContextTooLong,
    "content_filter": ProviderContentFiltered,
    "content_policy_violation": ProviderContentFiltered,
    "responsibleaipolicyviolation": ProviderContentFiltered,
    "moderation_blocked": ProviderContentFiltered,
    "insufficient_quota": ProviderQuotaExhausted,
    "billing_hard_limit_reached": ProviderQuotaExhausted,
    "billing_not_active": ProviderQuotaExhausted,
    "model_not_found": ProviderModelNotFound,
    "model_decommissioned": ProviderModelNotFound,
    "invalid_model": ProviderModelNotFound,
    "deploymentnotfound": ProviderModelNotFound,
    "rate_limit_exceeded": ProviderRateLimited,
    "rate_limit_error": ProviderRateLimited,
    "engine_overloaded": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
}

_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "requests": 429,
    "tokens": 429,
}
"""For errors inside a 2xx answer, which have no status of their own."""


class _Said(msgspec.Struct, frozen=True):
    """What an error body says."""

    message: str = ""
    codes: tuple[str, ...] = ()
    """Its ``code`` and ``type`` in lower case, most telling first."""
    param: str | None = None


def classify(status: int, headers: Mapping[str, str], body: bytes, label: str) -> ProviderError:
    """The error behind a response that is not 2xx."""
    try:
        said = _said(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Said()  # a proxy's error page: its text is of no use to the caller
    return _error(said, status, label, retry_after_s(headers, body))


def error_inside(body: JsonObject, label: str) -> ProviderError:
    """The error that a 2xx answer or a stream event carries."""
    said = _said(body)
    status = next((int(code) for code in said.codes if code.isdecimal() and 400 <= int(code) < 600), None)
    if status is None:
        status = next((_STATUS_BY_TYPE[code] for code in said.codes if code in _STATUS_BY_TYPE), 500)
    return _error(said, status, label, None)


def _error(said: _Said, status: int, label: str, retry_after: float | None) -> ProviderError:
    kind = next((_BY_CODE[code] for code in said.codes if code in _BY_CODE), None)
    return provider_error(
        kind or class_of(status, said.message),
        provider=label,
        message=quoted(label, said.message, status),
        status=status,
        retry_after_s=retry_after,
        param=said.param,
        provider_code=said.codes[0] if said.codes else None,
    )


def _said(decoded: Any) -> _Said:
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]
    if not isinstance(decoded, dict):
        return _Said()
    error = decoded.get("error")
    if isinstance(error, str):
        return _Said(error, _codes(decoded))
    if not isinstance(error, dict):
        error = decoded
    inner = error.get("innererror")
    codes = (_codes(inner) if isinstance(inner, dict) else ()) + _codes(error)
    param = error.get("param")
    return _Said(_words(error), codes, param if isinstance(param, str) else None)


def _codes(error: JsonObject) -> tuple[str, ...]:
    found = (error.get("code"), error.get("type"))
    return tuple(str(code).lower() for code in found if isinstance(code, str | int) and code)


def _words(error: JsonObject) -> str:
    for name in ("message", "detail"):
        value = error.get(name)
        if isinstance(value, str):
            return value
        if value:
            return msgspec.json.encode(value).decode()
    return ""
