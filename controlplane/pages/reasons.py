"""What error codes mean, in words."""

from __future__ import annotations

from typing import Final

TITLES: Final = {
    "INTERNAL_ERROR": "The gateway itself failed",
    "INVALID_REQUEST": "The request was not understood",
    "UNSUPPORTED_PARAMETER": "No target takes a parameter of the request",
    "CONTEXT_LENGTH_EXCEEDED": "The prompt was too long for the model",
    "PAYLOAD_TOO_LARGE": "The request was too large",
    "HEADERS_TOO_LARGE": "The request's headers were too large",
    "REQUEST_TIMEOUT": "The client was too slow to send its request",
    "MODEL_NOT_FOUND": "No route or model of that name",
    "INVALID_API_KEY": "The API key is not valid",
    "PERMISSION_DENIED": "The key may not do that",
    "RATE_LIMITED": "A rate limit was reached",
    "BUDGET_EXCEEDED": "A budget is used up",
    "CONTENT_BLOCKED": "A guardrail blocked the content",
    "SERVICE_UNAVAILABLE": "Something the gateway needs could not be reached",
    "NO_TARGET_AVAILABLE": "No target was free to answer",
    "DEADLINE_EXCEEDED": "The call took longer than its route allows",
    "CLIENT_DISCONNECTED": "The client left before the answer",
    "PROVIDER_ERROR": "The provider answered with an error",
    "PROVIDER_TIMEOUT": "The provider did not answer in time",
    "PROVIDER_UNAVAILABLE": "The provider could not be reached or failed",
    "PROVIDER_RATE_LIMITED": "The provider's own rate limit was reached",
    "PROVIDER_BAD_RESPONSE": "The provider's answer made no sense",
    "PROVIDER_AUTH_FAILED": "The provider did not accept our credential",
    "PROVIDER_QUOTA_EXHAUSTED": "The account at the provider has no quota left",
    "PROVIDER_MODEL_NOT_FOUND": "The provider has no such model",
    "PROVIDER_REJECTED_REQUEST": "The provider refused the request",
    "PROVIDER_CONTENT_FILTERED": "The provider's content filter stopped the answer",
}


def title_of(code: str | None, http_status: int | None) -> str:
    """One short sentence without a full stop, for codes that this version does not know, too."""
    known = TITLES.get(code or "")
    return known or (f"Answered with HTTP status {http_status}" if http_status else "The call failed")
