"""``/health``, ``/health/detailed`` and ``/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from contracts.chat import JsonObject
from contracts.ids import new_correlation_id
from contracts.ports import DependencyProbe
from contracts.probes import gauge_lines
from gateway.answers import json_answer
from gateway.engine.headers import plain_headers
from gateway.exchange import Answer
from routing.engine.statistics import TargetSnapshot

PROBE_TIMEOUT_S = 2.0

_RANK = {"ok": 0, "degraded": 1, "down": 2}


class Health:
    """Tells load balancers whether this worker lives, and operators how its dependencies and targets are."""

    def __init__(
        self,
        *,
        probes: Mapping[str, DependencyProbe],
        targets: Callable[[], list[TargetSnapshot]],
        metrics: Callable[[], bytes],
    ) -> None:
        self._probes = probes
        self._targets = targets
        self._metrics = metrics

    async def alive(self) -> Answer:
        """200 as long as the worker answers: with dependencies down it still serves, so it must not be restarted."""
        return json_answer({"status": "ok"})

    async def detailed(self) -> Answer:
        """Each dependency, and the breaker, load and latency of each target this worker has used.

        Always 200; ``status`` is the worst of the dependencies', but never ``down``: a worker that can say so serves.
        """
        names = list(self._probes)
        states = await asyncio.gather(*(_probe(self._probes[name]) for name in names))
        worst = max((_RANK[state["status"]] for state in states), default=0)
        targets = self._targets()
        if any(target.breaker != "closed" for target in targets):
            worst = max(worst, 1)
        return json_answer(
            {
                "status": "ok" if worst == 0 else "degraded",
                "dependencies": dict(zip(names, states, strict=True)),
                "targets": msgspec.to_builtins(targets),
            }
        )

    async def metrics(self) -> Answer:
        """Prometheus text of all processes of this instance; rendered off the loop, for it reads files."""
        body = await asyncio.to_thread(lambda: self._metrics() + gauge_lines())
        headers = plain_headers(new_correlation_id())
        headers[0] = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return Answer(200, headers, body)


async def _probe(probe: DependencyProbe) -> JsonObject:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await probe()
    except TimeoutError:
        return {"status": "down", "error": f"no answer within {PROBE_TIMEOUT_S:g} s"}
