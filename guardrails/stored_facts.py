"""What is known of calls that were made, for their invariants: runs, and payloads where they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from events.models import Run
from guardrails.engine.invariants.chat_facts import passages_of, request_of, response_of
from guardrails.engine.invariants.facts import Facts, TenantFacts, UsageFacts, retrieved
from tenants.models import Tenant

NANO: Final = 1_000_000_000


def facts_of(run: Run, payloads: Sequence[Mapping[str, Any]], tenant: Tenant, key: str = "") -> Facts:
    """The call as its events told of it; what they did not tell is empty, such as the tools that the model had."""
    said = next((one["output"] for one in payloads if one.get("output") is not None), None)
    given = next((one["input"] for one in payloads if one.get("input") is not None), None)
    message = said if isinstance(said, dict) else {"content": said}
    request = request_of(
        {"messages": given if isinstance(given, list) else []},
        model=run.requested_model or "",
        route=run.route or "",
        key=key,
        user=run.end_user or "",
        tags={str(name): str(value) for name, value in (run.tags or {}).items()},
        stream=bool(run.stream),
        time=run.started_at,
    )
    return Facts(
        request=request,
        response=response_of(
            {"message": message, "finish_reason": run.finish_reason},
            {},
            model=run.model or "",
            provider=run.provider or "",
            cached=any(one.get("cached") is True for one in payloads),
        ),
        usage=_usage(run),
        tenant=tenant_facts(tenant),
        retrieval=retrieved(passages_of(request.messages)),
    )


def tenant_facts(tenant: Tenant) -> TenantFacts:
    """Whose call it was."""
    return TenantFacts(id=str(tenant.pk), slug=tenant.slug, plan=tenant.plan)


def _usage(run: Run) -> UsageFacts:
    return UsageFacts(
        input_tokens=run.input_tokens or 0,
        output_tokens=run.output_tokens or 0,
        total_tokens=(run.input_tokens or 0) + (run.output_tokens or 0),
        cached_tokens=run.cached_input_tokens or 0,
        reasoning_tokens=run.reasoning_tokens or 0,
        estimated=bool(run.usage_estimated),
        cost_usd=(run.cost_nanousd or 0) / NANO,
        duration_ms=run.duration_ms or 0.0,
    )
