"""Passages that go to a caller as they are, without a model: as the policies leave them that hold for every route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.ports import Emitter
from contracts.retrieval import Passage
from contracts.specs import KeySpec, PlatformSpec, RouteSpec, TenantSpec
from gateway.engine.call import begun
from gateway.engine.grounding.screening import as_policies_leave
from gateway.engine.guarding import Guarding
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import GatewayRequest

OPERATION: Final = "retrieval"
NO_ROUTE: Final = RouteSpec(id="", name="")
"""No model is asked: policies of certain routes have nothing to say."""


class Withholding:
    """One per gateway worker."""

    def __init__(self, specs: SpecCache, *, guarding: Guarding, emitter: Emitter) -> None:
        self._specs = specs
        self._guarding = guarding
        self._emitter = emitter

    async def left(
        self,
        passages: Sequence[Passage],
        *,
        exchange: GatewayRequest,
        key: KeySpec,
        tenant: TenantSpec,
        correlation_id: str,
    ) -> tuple[Passage, ...]:
        """The passages without those that a rule withholds, and with what rules redact or mask in the others."""
        platform: PlatformSpec = await self._specs.platform()
        call = begun(exchange, exchange.path, OPERATION)
        call.correlation_id, call.tenant_id, call.key, call.tenant = correlation_id, tenant.id, key, tenant
        call.policies, call.route = platform.policies + tenant.policies, NO_ROUTE
        texts = [_texts(one) for one in passages]
        if not passages or not await self._guarding.guard_passages(call, [text for some in texts for text in some]):
            return tuple(passages)
        kept: list[Passage] = []
        for passage, own in zip(passages, texts, strict=True):
            left = await as_policies_leave(call, passage, own, guarding=self._guarding, emitter=self._emitter)
            if left is not None:
                kept.append(_with(passage, left))
        return tuple(kept)


def _texts(passage: Passage) -> list[str]:
    """All that a caller is shown of what its document says."""
    said = [value for value in passage.metadata.values() if isinstance(value, str)]
    return [passage.text, passage.title, passage.heading, passage.external_id, passage.uri, *said]


def _with(passage: Passage, texts: Sequence[str]) -> Passage:
    text, title, heading, external_id, uri, *said = texts
    names = [name for name, value in passage.metadata.items() if isinstance(value, str)]
    return msgspec.structs.replace(
        passage,
        text=text,
        title=title,
        heading=heading,
        external_id=external_id,
        uri=uri,
        metadata={**passage.metadata, **dict(zip(names, said, strict=True))},
    )
