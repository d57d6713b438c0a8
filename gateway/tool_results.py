"""The data plane's endpoints for kept results of tools."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.events import EventContext
from contracts.ids import new_correlation_id
from contracts.specs import KeySpec, TenantSpec
from gateway.answers import json_answer
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.cache.tool_results import ToolResults
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.validation import convert, decode_object

SCOPE = "chat"


class ToolLookup(msgspec.Struct):
    """A tool and what it is called with."""

    tool: str
    """One that the tenant has declared."""
    arguments: Any = None
    """As the model gave them, as JSON; the order of fields makes no difference."""


class ToolRun(ToolLookup, kw_only=True):
    """A tool, what it was called with, and what it gave."""

    result: Any
    """Any JSON; at most 256 KiB as stored."""


class ToolResultEndpoints:
    """Answers ``POST /v1/tools/results/lookup`` and ``POST /v1/tools/results``."""

    def __init__(self, *, authenticator: Authenticator, results: ToolResults) -> None:
        self._authenticator = authenticator
        self._results = results

    async def look_up(self, request: GatewayRequest) -> Answer:
        """The kept result, or that there is none; asked for before a tool is run."""
        key, tenant = await self._authenticate(request)
        asked = convert(decode_object(request.body), ToolLookup)
        correlation_id = new_correlation_id()
        found = await self._results.look_up(
            tenant, asked.tool, asked.arguments, key_id=key.id, context=_context(tenant, correlation_id)
        )
        body = {"object": "tool_result", "tool": asked.tool, "hit": found is not None}
        if found is not None:
            body |= {"result": found.result, "stored_at_ms": found.stored_at_ms, "ends_at_ms": found.ends_at_ms}
        return json_answer(body, correlation_id)

    async def keep(self, request: GatewayRequest) -> Answer:
        """Keep what a tool gave."""
        key, tenant = await self._authenticate(request)
        run = convert(decode_object(request.body), ToolRun)
        correlation_id = new_correlation_id()
        context = _context(tenant, correlation_id)
        kept = self._results.keep(tenant, run.tool, run.arguments, run.result, key_id=key.id, context=context)
        body = {
            "object": "tool_result",
            "tool": run.tool,
            "stored_at_ms": kept.stored_at_ms,
            "ends_at_ms": kept.ends_at_ms,
        }
        return json_answer(body, correlation_id)

    async def _authenticate(self, request: GatewayRequest) -> tuple[KeySpec, TenantSpec]:
        return await self._authenticator.authenticate(presented_key(request.headers), request.client_ip, SCOPE)


def _context(tenant: TenantSpec, correlation_id: str) -> EventContext:
    return EventContext(tenant_id=tenant.id, correlation_id=correlation_id)
