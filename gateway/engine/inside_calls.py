"""Calls that the product itself makes in the name of a tenant: no key is presented, and no rate limit counts them.

They stand in the tenant's ledger and events like any other, and its budgets hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from contracts.chat import JsonObject
from contracts.errors import ServiceUnavailable
from contracts.guardrails import PolicySpec
from contracts.ports import Clock
from contracts.specs import KeySpec, TenantSpec
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import CHAT, EMBEDDINGS, Answer, GatewayRequest, Insider, Keep, Serve
from gateway.formats.openai import OpenAIChatFormat

_HEADERS: Final[Mapping[str, str]] = {"cache-control": "no-store"}
"""What is measured has to be answered by a model, not by what another call got."""


class InsideCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call for an answer, or for vectors; ``body`` is what an application would send, without ``stream``."""

    tenant_id: str
    name: str
    """In whose name, as pages show it in place of a key's."""
    key_id: str
    body: JsonObject
    guarded: bool = True
    """False: of the tenant's policies only rules that redact or mask apply."""
    policy: PolicySpec | None = None
    """Applied in place of what is in force of the same policy, or besides what is in force."""
    keep: Keep | None = None
    endpoint: str = CHAT


class InsideCalls:
    """Makes them on one gateway worker."""

    def __init__(self, serve: Serve, *, specs: SpecCache, clock: Clock) -> None:
        self._serve = serve
        self._specs = specs
        self._clock = clock

    async def make(self, call: InsideCall) -> Answer:
        """The answer, refusals and failures included.

        Raises:
            ServiceUnavailable: the gateway does not know the tenant.
        """
        tenant = await self._specs.tenant(call.tenant_id)
        if tenant is None:
            raise ServiceUnavailable("The gateway does not know this tenant.")
        insider = Insider(
            KeySpec(id=call.key_id, tenant_id=call.tenant_id, name=call.name),
            msgspec.structs.replace(tenant, limits=(), policies=_policies(tenant, call.policy)),
            guarded=call.guarded,
            keep=call.keep,
        )
        body = msgspec.json.encode(call.body)
        exchange = GatewayRequest("POST", call.endpoint, "", _HEADERS, "", body, self._clock.monotonic(), insider)
        format_ = None if call.endpoint == EMBEDDINGS else OpenAIChatFormat()
        return await self._serve(exchange, endpoint=call.endpoint, format_=format_)


def _policies(tenant: TenantSpec, policy: PolicySpec | None) -> tuple[PolicySpec, ...]:
    if policy is None:
        return tenant.policies
    replaced = [policy if one.id == policy.id else one for one in tenant.policies]
    return tuple(replaced if policy in replaced else [*replaced, policy])
