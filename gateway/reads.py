"""The data plane's read endpoints: models that a key may name, and runs of its tenant."""

from __future__ import annotations

import time
from collections.abc import Callable

from contracts.chat import JsonObject
from contracts.errors import ModelNotFound, RunNotFound
from contracts.ids import is_correlation_id
from contracts.ports import RunReader
from contracts.specs import KeySpec, TenantSpec
from gateway.answers import json_answer
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.validation import decode_object
from routing.engine.select import visible_names

_STARTED = int(time.time())


class Reads:
    """Answers ``GET /v1/models``, ``/v1/models/{id}`` and ``/v1/runs/{correlation_id}``."""

    def __init__(self, *, specs: SpecCache, authenticator: Authenticator, runs: RunReader) -> None:
        self._specs = specs
        self._authenticator = authenticator
        self._runs = runs

    async def models(self, request: GatewayRequest) -> Answer:
        """OpenAI's model list: what this key may put in ``model``."""
        key, tenant = await self._authenticate(request, "models")
        platform = await self._specs.platform()
        return json_answer({"object": "list", "data": [_model(name) for name in visible_names(tenant, platform, key)]})

    async def model(self, request: GatewayRequest, name: str) -> Answer:
        """One entry of that list."""
        key, tenant = await self._authenticate(request, "models")
        if name not in visible_names(tenant, await self._specs.platform(), key):
            raise ModelNotFound(f"The model '{name}' does not exist or this key may not use it.", param="model")
        return json_answer(_model(name))

    async def run(self, request: GatewayRequest, correlation_id: str) -> Answer:
        """Everything known about one call of the caller's tenant."""
        _, tenant = await self._authenticate(request, "runs")
        run: JsonObject | None = None
        if is_correlation_id(correlation_id):
            run = await self._runs.read(tenant.id, correlation_id)
        if run is None:
            raise RunNotFound("There is no run with this correlation id. A run appears within two seconds of its call.")
        return json_answer(run)

    async def count_tokens(self, request: GatewayRequest, count: Callable[[JsonObject], JsonObject]) -> Answer:
        """An estimate of a prompt's tokens; it costs nothing and is no call."""
        await self._authenticate(request, "chat")
        return json_answer(count(decode_object(request.body)))

    async def _authenticate(self, request: GatewayRequest, scope: str) -> tuple[KeySpec, TenantSpec]:
        return await self._authenticator.authenticate(presented_key(request.headers), request.client_ip, scope)


def _model(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "breakwater"}
