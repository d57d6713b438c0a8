"""The error hierarchy of the data plane.

One class per thing a caller can be told. Each door (lane, DRF, WebSocket, management API) maps them to
its wire shape in one place; nothing else in the code base knows HTTP statuses.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GatewayError(Exception):
    """A failure with a stable code that may be shown to the caller.

    ``message`` is written for the person who sent the request: it names what to change and never
    carries a secret, a stack trace or an address of ours.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.details = details

    def as_body(self, correlation_id: str) -> dict[str, Any]:
        """The ``{"error": {...}}`` object of DESIGN section 7, a superset of OpenAI's."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "retryable": self.retryable,
            "correlation_id": correlation_id,
        }
        if self.details:
            error["details"] = self.details
        return {"error": error}


class InternalError(GatewayError):
    """Something of ours broke; the cause is in the log under the correlation id."""


# --- what the caller sent -------------------------------------------------------------------------


class InvalidRequest(GatewayError):
    """The body or a parameter is malformed; ``param`` names the field when one is to blame."""

    code = "INVALID_REQUEST"
    status = 400
    type = "invalid_request_error"


class UnsupportedParameter(InvalidRequest):
    """The field is valid, but no target that could serve the request can honour it."""

    code = "UNSUPPORTED_PARAMETER"


class ContextTooLong(InvalidRequest):
    """Prompt plus requested output do not fit the model's context window."""

    code = "CONTEXT_LENGTH_EXCEEDED"


class PayloadTooLarge(InvalidRequest):
    """The body is over the configured limit; it was not read to its end."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class HeadTooLarge(InvalidRequest):
    """The request line and headers together are over the limit."""

    code = "HEADERS_TOO_LARGE"
    status = 431


class UnsupportedMediaType(InvalidRequest):
    """The body is not JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method does not."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class RequestTimeout(GatewayError):
    """The caller did not finish sending its request in time."""

    code = "REQUEST_TIMEOUT"
    status = 408
    type = "invalid_request_error"
    retryable = True


class NotFound(GatewayError):
    """Nothing at this path, or nothing the caller may see."""

    code = "NOT_FOUND"
    status = 404
    type = "invalid_request_error"


class ModelNotFound(NotFound):
    """``model`` names no route and no model that this key may use."""

    code = "MODEL_NOT_FOUND"


class RunNotFound(NotFound):
    """No run with this correlation id in the caller's tenant."""

    code = "RUN_NOT_FOUND"


# --- who the caller is, and what it may ----------------------------------------------------------


class AuthenticationFailed(GatewayError):
    """No key, an unknown key, or one that is expired or revoked."""

    code = "INVALID_API_KEY"
    status = 401
    type = "authentication_error"


class PermissionDenied(GatewayError):
    """The key is valid but its scopes, models, routes or addresses exclude this call."""

    code = "PERMISSION_DENIED"
    status = 403
    type = "permission_error"


class RateLimited(GatewayError):
    """A rate or concurrency limit; ``details`` say which limit, whose, and when it resets."""

    code = "RATE_LIMITED"
    status = 429
    type = "rate_limit_error"
    retryable = True


class BudgetExceeded(GatewayError):
    """A hard budget is used up; ``details`` say which, whose, and when it resets."""

    code = "BUDGET_EXCEEDED"
    status = 402
    type = "insufficient_quota"


class ContentBlocked(GatewayError):
    """A guardrail refused the prompt or the answer."""

    code = "CONTENT_BLOCKED"
    status = 400
    type = "invalid_request_error"


# --- our own state -------------------------------------------------------------------------------


class ServiceUnavailable(GatewayError):
    """A dependency the call cannot do without is down (for example an unknown key with PostgreSQL down)."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    retryable = True


class RetrievalUnavailable(ServiceUnavailable):
    """Documents cannot be searched right now, and the call is not to go on without."""

    code = "RETRIEVAL_UNAVAILABLE"


class NoTargetAvailable(GatewayError):
    """Every target of the route is disabled, open-circuited or full."""

    code = "NO_TARGET_AVAILABLE"
    status = 503
    retryable = True


class DeadlineExceeded(GatewayError):
    """The route's total timeout or ``max_latency_ms`` passed before an answer was complete."""

    code = "DEADLINE_EXCEEDED"
    status = 504
    type = "timeout_error"
    retryable = True


class NotCached(GatewayError):
    """The caller sent `Cache-Control: only-if-cached`, and no kept answer serves the request."""

    code = "NOT_CACHED"
    status = 504
    type = "cache_error"


# --- what the provider did -----------------------------------------------------------------------


class ProviderError(GatewayError):
    """An attempt failed at the provider.

    ``retryable`` tells the *caller* whether sending the same request again may help.
    ``failover`` tells the *engine* whether another attempt (same or next target) may help, and
    ``counts_against_target`` whether the breaker should count it.
    """

    code = "PROVIDER_ERROR"
    status = 502
    type = "upstream_error"
    retryable = True
    failover: ClassVar[bool] = True
    counts_against_target: ClassVar[bool] = True

    def __init__(self, message: str, *, upstream_status: int | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.upstream_status = upstream_status


class ProviderTimeout(ProviderError):
    """No answer (or no first token) within the attempt's timeout."""

    code = "PROVIDER_TIMEOUT"
    status = 504
    type = "timeout_error"


class ProviderUnavailable(ProviderError):
    """Connection refused, reset, DNS failure, 5xx or 'overloaded'."""

    code = "PROVIDER_UNAVAILABLE"
    status = 503


class ProviderRateLimited(ProviderError):
    """The provider's own limit; ``retry_after_s`` when it said so."""

    code = "PROVIDER_RATE_LIMITED"
    status = 429
    type = "rate_limit_error"


class ProviderBadResponse(ProviderError):
    """A 2xx that is not what the provider's API promises: garbage, half a stream, wrong content type."""

    code = "PROVIDER_BAD_RESPONSE"
    status = 502


class ProviderAuthFailed(ProviderError):
    """The provider refused *our* credential: another target may work, the caller can do nothing."""

    code = "PROVIDER_AUTH_FAILED"
    status = 502
    retryable = False


class ProviderQuotaExhausted(ProviderAuthFailed):
    """Our account at the provider has no credit left: waiting does not help, another target may."""

    code = "PROVIDER_QUOTA_EXHAUSTED"


class ProviderModelNotFound(ProviderError):
    """The provider does not know the target's model: a configuration error of ours."""

    code = "PROVIDER_MODEL_NOT_FOUND"
    status = 502
    retryable = False


class ProviderRejected(ProviderError):
    """The provider refused the request itself (400/422): trying elsewhere would hide the caller's mistake."""

    code = "PROVIDER_REJECTED_REQUEST"
    status = 400
    type = "invalid_request_error"
    retryable = False
    failover = False
    counts_against_target = False


class ProviderContextTooLong(ProviderRejected):
    """The provider says the prompt does not fit; a target with a larger window may serve it."""

    code = "CONTEXT_LENGTH_EXCEEDED"
    failover = True


class ProviderContentFiltered(ProviderRejected):
    """The provider's own safety system refused the prompt or the answer."""

    code = "PROVIDER_CONTENT_FILTERED"
