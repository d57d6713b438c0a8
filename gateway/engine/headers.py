"""Response headers: ids, rate limits as OpenAI sends them, where the call went and what it cost."""

from __future__ import annotations

from contracts.errors import AuthenticationFailed, GatewayError
from contracts.specs import LimitMetric
from gateway.engine.budgets import tightest
from gateway.engine.call import Call
from gateway.engine.limits import Ticket
from gateway.exchange import Headers
from gateway.formats.base import AnswerFacts

_REQUEST_LIMIT_NAMES = (
    b"x-ratelimit-limit-requests",
    b"x-ratelimit-remaining-requests",
    b"x-ratelimit-reset-requests",
)
_TOKEN_LIMIT_NAMES = (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")


def answer_headers(call: Call, facts: AnswerFacts | None, content_type: bytes) -> Headers:
    """All headers of an answer; ``facts`` is None while they are not known (streams, errors)."""
    correlation_id = call.correlation_id.encode()
    headers: Headers = [
        (b"content-type", content_type),
        (b"x-correlation-id", correlation_id),
        # The names under which OpenAI's and Anthropic's clients look for it.
        (b"x-request-id", correlation_id),
        (b"request-id", correlation_id),
        (b"x-trace-id", call.trace_id.encode()),
    ]
    if call.target is not None:
        headers.append((b"x-breakwater-route", _ascii(call.route.name)))
        headers.append((b"x-breakwater-target", _ascii(call.target.label)))
    if call.guard is not None and call.guard.action is not None:
        headers.append((b"x-guardrail", call.guard.action.encode()))
    if call.cache.status:
        _add_cache(headers, call)
    if facts is not None and facts.cost_nanousd is not None:
        headers.append((b"x-breakwater-cost-nanousd", b"%d" % facts.cost_nanousd))
    if call.ticket is not None:
        if call.ticket.limits:
            _add_limits(headers, call.ticket)
        if call.ticket.budgets:
            headers.append((b"x-breakwater-budget-remaining-nanousd", b"%d" % tightest(call.ticket.budgets)))
    if call.over_budget:
        headers.append((b"x-breakwater-degraded", b"budget"))
    return headers


def plain_headers(correlation_id: str, error: GatewayError | None = None) -> Headers:
    """Headers of a JSON answer that belongs to no call."""
    identifier = correlation_id.encode()
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"x-correlation-id", identifier),
        (b"x-request-id", identifier),
        (b"request-id", identifier),
    ]
    return headers + error_headers(error) if error is not None else headers


def error_headers(error: GatewayError) -> Headers:
    """``Retry-After`` (also in milliseconds, which OpenAI's clients prefer), and how to authenticate (RFC 9110)."""
    headers: Headers = []
    if isinstance(error, AuthenticationFailed):
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after_s is not None:
        milliseconds = max(1, round(error.retry_after_s * 1000))
        headers.append((b"retry-after", b"%d" % max(1, -(-milliseconds // 1000))))
        headers.append((b"retry-after-ms", b"%d" % milliseconds))
    return headers


def _add_cache(headers: Headers, call: Call) -> None:
    headers.append((b"x-cache", call.cache.status.encode()))
    hit = call.cache.hit
    if hit is None:
        return
    headers.append((b"age", b"%d" % hit.age_s))
    headers.append((b"x-breakwater-route", _ascii(call.route.name)))
    if hit.alike is not None:
        headers.append((b"x-cache-mode", b"semantic"))
        headers.append((b"x-cache-similarity", f"{hit.alike.similarity:.3f}".encode()))
        headers.append((b"x-cache-confidence", f"{hit.alike.confidence:.3f}".encode()))


def _add_limits(headers: Headers, ticket: Ticket) -> None:
    for limit, (of_limit, of_remaining, of_reset) in (
        (ticket.tightest(LimitMetric.REQUESTS), _REQUEST_LIMIT_NAMES),
        (ticket.tightest(LimitMetric.TOKENS), _TOKEN_LIMIT_NAMES),
    ):
        if limit is not None:
            headers.append((of_limit, b"%d" % limit.spec.value))
            headers.append((of_remaining, b"%d" % limit.remaining))
            headers.append((of_reset, f"{limit.reset_ms / 1000:g}s".encode()))


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")
