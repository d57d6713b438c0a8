"""Plans every call of the story: who, where to, how long, how many tokens, and what became of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from contracts.chat import Usage
from contracts.errors import GatewayError
from controlplane.demo.configuration import MadeKey, MadeRoute, MadeTarget, MadeTenant
from controlplane.demo.incidents import Breakers, Incidents
from controlplane.demo.rhythm import arrivals
from routing.engine.cost import cost_nanousd

if TYPE_CHECKING:
    from controlplane.demo.screening import Screened

_SPIKE_CALLS = 0.02
"""Of all calls: those of the key that spent too much, within its spell."""
_CROWDED = 0.35
"""Of the attempts at other providers during the outage: everybody moves there, and they refuse some."""


@dataclass(slots=True)
class Attempt:
    """One try at a target; ``error`` is the code when it gave no answer."""

    target: MadeTarget
    duration_ms: float
    error: str = ""
    pause_ms: float = 0.0
    """Until the next one."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Whether a kept answer was there; money in nano-USD."""

    found: bool
    age_s: float = 0.0
    saved_nanousd: int | None = 0


@dataclass(slots=True)
class PlannedCall:
    """A call from its start to its end."""

    at_ms: int
    tenant: MadeTenant
    key: MadeKey
    route: MadeRoute
    user: str | None
    streamed: bool
    usage: Usage = field(default_factory=Usage)
    attempts: list[Attempt] = field(default_factory=list)
    skipped: tuple[MadeTarget, ...] = ()
    order: tuple[MadeTarget, ...] = ()
    first_token_ms: float | None = None
    overhead_ms: float = 0.0
    cost_nanousd: int | None = 0
    error: str = ""
    """Code of the error in which it ended; empty when it was answered."""
    refusal: GatewayError | None = None
    """Why it was not admitted."""
    degraded_from: str = ""
    """Name of the route that a used-up budget kept it from."""
    lookup: Lookup | None = None
    """Of a call over a route that keeps answers."""
    talk: int = 0
    """Which conversation it is."""
    screened: Screened | None = None
    """What policies made of it."""

    @property
    def key_id(self) -> str:
        """The key that was current then."""
        key = self.key
        while key.before is not None and key.since is not None and self.at_ms < key.since.timestamp() * 1000:
            key = key.before
        return str(key.row.pk)

    @property
    def duration_ms(self) -> float:
        """From the first byte to the last."""
        return self.overhead_ms + sum(attempt.duration_ms + attempt.pause_ms for attempt in self.attempts)

    @property
    def served_by(self) -> MadeTarget | None:
        """The last target that was tried, or the one that a kept answer came from."""
        if self.is_hit:
            return self.order[0]
        return self.attempts[-1].target if self.attempts else None

    @property
    def is_hit(self) -> bool:
        """Whether a kept answer served it."""
        return self.lookup is not None and self.lookup.found

    def refuse(self, error: GatewayError) -> None:
        """It is not admitted, and costs nothing."""
        self.refusal, self.attempts, self.lookup, self.cost_nanousd = error, [], None, 0


class Traffic:
    """Plans calls in the order of time, so that circuits and budgets see them as they came."""

    def __init__(self, rng: Random, incidents: Incidents, *, start: datetime, until: datetime) -> None:
        self._rng = rng
        self._incidents = incidents
        self._start = start
        self._until = until
        self.breakers = Breakers()

    def plan(self, tenants: Sequence[MadeTenant], calls: int) -> list[PlannedCall]:
        """About so many calls, oldest first."""
        whole = sum(tenant.plan.daily_calls for tenant in tenants)
        streams = [self._of_tenant(tenant, round(calls * tenant.plan.daily_calls / whole)) for tenant in tenants]
        streams += [self._of_spike(tenant, round(calls * _SPIKE_CALLS)) for tenant in tenants]
        planned = []
        for call in heapq.merge(*streams, key=lambda each: each.at_ms):
            self._send(call)
            planned.append(call)
        return planned

    def _of_tenant(self, tenant: MadeTenant, count: int) -> Iterator[PlannedCall]:
        plan, rng = tenant.plan, self._rng
        instants = arrivals(
            rng,
            rhythm=plan.rhythm,
            time_zone=plan.time_zone,
            start=self._start,
            until=self._until,
            count=count,
            growth=plan.growth,
        )
        keys = [key for key in tenant.keys if key.plan.share > 0]
        weights = list(accumulate(key.plan.share for key in keys))
        for at_ms in instants:
            key = rng.choices(keys, cum_weights=weights)[0]
            route = self._route(tenant, key)
            user = f"u-{int(plan.users * rng.random() ** 1.8) + 1001}" if plan.users else None
            yield self._sized(PlannedCall(at_ms, tenant, key, route, user, rng.random() < plan.streamed))

    def _route(self, tenant: MadeTenant, key: MadeKey) -> MadeRoute:
        for route in tenant.routes:
            if route.plan.match_tags.get("feature") == key.plan.feature:
                return route
        open_routes = [route for route in tenant.routes if not route.plan.match_tags]
        return self._rng.choices(open_routes, [route.plan.share for route in open_routes])[0]

    def _of_spike(self, tenant: MadeTenant, count: int) -> Iterator[PlannedCall]:
        """One key that asks the expensive route again and again, with long prompts and without end users."""
        spell = self._incidents.spike
        keys = [key for key in tenant.keys if key.plan.name == spell.whose]
        if not keys:
            return
        route = max(tenant.routes, key=lambda each: each.plan.tokens[0])
        for at_ms in sorted(self._rng.randrange(spell.start_ms, spell.end_ms) for _ in range(count)):
            yield self._sized(PlannedCall(at_ms, tenant, keys[0], route, None, False), longer=3.5)

    def _sized(self, call: PlannedCall, *, longer: float = 1.0) -> PlannedCall:
        rng, (typical_input, typical_output) = self._rng, call.route.plan.tokens
        input_tokens = max(12, int(typical_input * longer * rng.lognormvariate(0, 0.55)))
        output_tokens = max(3, int(typical_output * longer * rng.lognormvariate(0, 0.6))) if typical_output else 0
        cached = int(input_tokens * rng.uniform(0.4, 0.9)) if typical_output and rng.random() < 0.28 else 0
        call.usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cached_input_tokens=cached)
        call.streamed = call.streamed and not call.route.plan.embeddings
        call.overhead_ms = round(rng.lognormvariate(0.3, 0.35), 3)
        return call

    # --- what becomes of a call

    def reroute_to(self, call: PlannedCall, name: str) -> None:
        """Send the call over the route where a used-up budget wants it, and shorten its answer."""
        route = next(route for route in call.tenant.routes if route.row.name == name)
        call.degraded_from, call.route, call.order, call.skipped = call.route.row.name, route, route.targets, ()
        call.usage = Usage(
            input_tokens=call.usage.input_tokens, output_tokens=max(1, min(call.usage.output_tokens, 300))
        )
        call.attempts, call.error, call.first_token_ms, call.lookup = [], "", None, None
        call.attempts.append(self._attempt(call, route.targets[0], call.at_ms))
        call.error = call.attempts[0].error
        self._settle(call)

    def _send(self, call: PlannedCall) -> None:
        """Try the route's targets."""
        call.order = self._ordered(call.route)
        if call.route.plan.repeated and self._is_kept(call):
            return
        usable = tuple(target for target in call.order if not self.breakers.is_open(target, call.at_ms))
        call.skipped = tuple(target for target in call.order if target not in usable)
        if not usable:
            call.error = "NO_TARGET_AVAILABLE"
        for target in usable:
            if self._try(call, target):
                break
        self._settle(call)

    def _is_kept(self, call: PlannedCall) -> bool:
        """Look for an answer; one that is found is given at once, for nothing."""
        rng, target = self._rng, call.order[0]
        if rng.random() >= call.route.plan.repeated:
            call.lookup = Lookup(False)
            return False
        saved = cost_nanousd(call.usage, target.price)
        call.lookup = Lookup(True, round(rng.uniform(4, call.route.row.cache_ttl_s), 3), saved)
        call.usage, call.cost_nanousd = Usage(), 0
        call.overhead_ms = round(rng.uniform(0.7, 2.4), 3)
        call.first_token_ms = call.overhead_ms if call.streamed else None
        return True

    def _ordered(self, route: MadeRoute) -> tuple[MadeTarget, ...]:
        if route.plan.strategy != "weighted":
            return route.targets
        first = self._rng.choices(route.targets, [target.weight for target in route.targets])[0]
        return (first, *(target for target in route.targets if target is not first))

    def _try(self, call: PlannedCall, target: MadeTarget) -> bool:
        """One or two attempts at the target; whether the call ended there."""
        for attempt_here in range(2):
            at_ms = call.at_ms + int(call.duration_ms)
            attempt = self._attempt(call, target, at_ms)
            call.attempts.append(attempt)
            # A caller's own mistake or departure is not the target's failure.
            failed = attempt.error.startswith("PROVIDER_") and attempt.error != "PROVIDER_CONTENT_FILTERED"
            self.breakers.note(target, at_ms, failed=failed)
            call.error = attempt.error
            if not failed:
                return True
            if len(call.attempts) >= 3:
                return True
            if attempt_here == 0:
                attempt.pause_ms = round(self._rng.uniform(5, 100), 3)
        return False

    def _attempt(self, call: PlannedCall, target: MadeTarget, at_ms: int) -> Attempt:
        rng, facts = self._rng, target.facts
        error = self._error(target, at_ms)
        if error in ("PROVIDER_UNAVAILABLE", "PROVIDER_RATE_LIMITED"):
            return Attempt(target, round(rng.uniform(18, 160), 3), error)
        slower = rng.uniform(3.5, 8) if self._incidents.slow.holds(target.provider, at_ms) else 1.0
        if error == "PROVIDER_TIMEOUT":
            return Attempt(target, 30_000.0 + round(rng.random(), 3), error)
        first = facts.first_token_ms * rng.lognormvariate(0, 0.32) * slower + call.usage.input_tokens * 0.02
        whole = first + facts.token_ms * call.usage.output_tokens * rng.lognormvariate(0, 0.18) * slower
        if error == "CLIENT_DISCONNECTED":
            share = rng.uniform(0.1, 0.7)
            whole = first + (whole - first) * share
            call.usage = Usage(
                input_tokens=call.usage.input_tokens,
                output_tokens=int(call.usage.output_tokens * share),
                estimated=True,
            )
        if call.streamed:
            call.first_token_ms = round(call.duration_ms + first, 3)
        return Attempt(target, round(whole, 3), error)

    def _error(self, target: MadeTarget, at_ms: int) -> str:
        rng = self._rng
        if self._incidents.outage.holds(target.provider, at_ms):
            return "PROVIDER_UNAVAILABLE" if rng.random() < 0.97 else ""
        if self._incidents.slow.holds(target.provider, at_ms) and rng.random() < 0.08:
            return "PROVIDER_TIMEOUT"
        if self._incidents.outage.spans(at_ms) and target.provider != "sandbox" and rng.random() < _CROWDED:
            return "PROVIDER_RATE_LIMITED"
        luck = rng.random()
        for code, share in _EVERYDAY_ERRORS:
            luck -= share
            if luck < 0:
                return code
        return ""

    @staticmethod
    def _settle(call: PlannedCall) -> None:
        target = call.served_by
        if target is None or call.error not in ("", "CLIENT_DISCONNECTED"):
            call.cost_nanousd = 0
            return
        call.cost_nanousd = cost_nanousd(call.usage, target.price)


_EVERYDAY_ERRORS = (
    ("PROVIDER_UNAVAILABLE", 0.003),
    ("PROVIDER_RATE_LIMITED", 0.004),
    ("CLIENT_DISCONNECTED", 0.004),
    ("PROVIDER_CONTENT_FILTERED", 0.0008),
)
