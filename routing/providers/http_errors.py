"""Which error class a provider's refusal is, from its status and what it says in words."""

from __future__ import annotations

import re
from typing import Any

from contracts.errors import (
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderContextTooLong,
    ProviderError,
    ProviderModelNotFound,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)

_CONTEXT = re.compile(
    r"maximum context length|context (?:length|window|size)|too many tokens|prompt is too long"
    r"|exceeds? the (?:model'?s )?(?:available )?context|too large for model with \d+ maximum",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"\bmodel\b.{0,200}?(?:not found|does not exist|not exist|is not available|decommissioned)|invalid model",
    re.IGNORECASE | re.DOTALL,
)

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: ProviderAuthFailed,
    402: ProviderQuotaExhausted,
    403: ProviderAuthFailed,
    404: ProviderModelNotFound,
    408: ProviderTimeout,
    409: ProviderUnavailable,
    410: ProviderModelNotFound,
    425: ProviderUnavailable,
    429: ProviderRateLimited,
    504: ProviderTimeout,
}

_FIXED_MESSAGES: dict[type[ProviderError], str] = {
    ProviderAuthFailed: "{provider} refused the gateway's credential (status {status}).",
    ProviderQuotaExhausted: "The gateway's account at {provider} has no credit left.",
}
"""Said instead of the provider's own words, which may quote part of a key or name an account."""


def class_of(status: int, message: str) -> type[ProviderError]:
    """The class that a status stands for, refined by the provider's words where statuses are ambiguous."""
    if status in {400, 413, 422}:
        if _CONTEXT.search(message):
            return ProviderContextTooLong
        return ProviderModelNotFound if _MODEL.search(message) else ProviderRejected
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return ProviderUnavailable
    return ProviderRejected if status >= 400 else ProviderBadResponse


def provider_error(
    kind: type[ProviderError],
    *,
    provider: str,
    message: str,
    status: int,
    retry_after_s: float | None = None,
    param: str | None = None,
    **details: Any,
) -> ProviderError:
    """An error of this class in words that may be shown to the caller; ``details`` that are None are left out."""
    fixed = _FIXED_MESSAGES.get(kind)
    told = {name: value for name, value in details.items() if value is not None}
    return kind(
        message if fixed is None else fixed.format(provider=provider, status=status),
        upstream_status=status,
        retry_after_s=retry_after_s,
        param=param,
        details=told or None,
    )
