"""The way in: which route serves a call, what it may cost, and whether its limits and budgets let it pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from contracts.chat import ChatRequest, EmbeddingRequest
from contracts.errors import GatewayError
from contracts.events import BudgetPriceUnknown
from contracts.ports import Clock, Emitter
from contracts.specs import LimitMetric
from gateway.engine.admission import Admission
from gateway.engine.budgets import AppliedBudget, DegradeWanted
from gateway.engine.call import Call
from gateway.engine.call_cost import priced, reservation_nanousd
from gateway.engine.limits import AppliedLimit, applied_limits
from gateway.engine.request_budget import cap_output
from gateway.engine.spec_cache import SpecCache
from routing.engine.call import EngineCall
from routing.engine.executor import Engine
from routing.engine.prices import priced_route
from routing.engine.select import resolve_route
from routing.engine.tokens import estimate_embedding_tokens, estimate_input_tokens

log = logging.getLogger(__name__)

LEASE_MARGIN_MS = 5_000
"""A concurrency place outlives its call's deadline by this, for the settlement to arrive."""

DEFAULT_OUTPUT_RESERVATION = 1_024
"""Output tokens reserved against token limits when neither the caller nor the model caps the output."""


class Entrance:
    """Routes and admits the calls of one gateway worker."""

    def __init__(
        self,
        *,
        specs: SpecCache,
        admission: Admission,
        engine: Engine,
        emitter: Emitter,
        clock: Clock,
        known_modes: frozenset[str],
    ) -> None:
        self._specs = specs
        self._admission = admission
        self._engine = engine
        self._emitter = emitter
        self._clock = clock
        self._known_modes = known_modes

    async def route(self, call: Call) -> None:
        """Find the call's route, with the prices of this moment.

        Raises:
            ModelNotFound, PermissionDenied, InvalidRequest: as :func:`routing.engine.select.resolve_route`.
        """
        await self._choose_route(call, call.request.model)

    async def reroute(self, call: Call, name: str) -> None:
        """Take the call to the route of this name, because a guardrail wants it there.

        Raises:
            ModelNotFound, PermissionDenied, InvalidRequest: as :meth:`route`; the call has then nowhere to go.
        """
        await self._choose_route(call, name)
        call.route_reason = "guardrail"

    async def _choose_route(self, call: Call, name: str | None) -> None:
        platform = await self._specs.platform()
        call.policies = platform.policies + call.tenant.policies
        route, call.route_reason = resolve_route(
            call.tenant,
            platform,
            call.key,
            model=name,
            mode=call.request.mode if isinstance(call.request, ChatRequest) else "direct",
            tags=call.tags,
            headers=call.exchange.headers,
            known_modes=self._known_modes,
        )
        call.route = priced_route(route, call.tenant.prices, self._clock.now_ms())

    async def admit(self, call: Call) -> None:
        """Count the call in its limits and budgets, and plan it; a call without budgets may go ahead of that.

        Raises:
            RateLimited, BudgetExceeded, ServiceUnavailable: as :meth:`gateway.engine.admission.Admission.admit`.
        """
        budgets = self._admission.spending.applied(call.tenant, call.key, call.request.user)
        if not budgets:
            self._begin_engine_call(call)
            await self._ask_admission(call, budgets, meanwhile=partial(self._draft, call), may_go_ahead=True)
            return
        try:
            await self._admit_paid(call, budgets)
        except DegradeWanted as wanted:
            await self._degrade(call, wanted.exhausted)
            await self._admit_paid(call, budgets)

    async def admit_hit(self, call: Call, cost_nanousd: int) -> None:
        """Count a call that is answered from the cache: as a request, not its tokens, and with what the hit costs.

        Raises:
            RateLimited, BudgetExceeded, ServiceUnavailable: as :meth:`admit`.
        """
        self._begin_engine_call(call)
        budgets = self._admission.spending.applied(call.tenant, call.key, call.request.user)
        for budget in budgets:
            budget.cost = cost_nanousd
        try:
            await self._ask_admission(call, budgets, with_tokens=False)
        except DegradeWanted as wanted:
            # A kept answer is as cheap as it gets.
            call.over_budget = True
            for budget in wanted.exhausted:
                budget.enforced = False
            await self._ask_admission(call, budgets, with_tokens=False)

    async def _admit_paid(self, call: Call, budgets: list[AppliedBudget]) -> None:
        """Work out what the call may cost, and have its budgets pay for it."""
        self._begin_engine_call(call)
        self._draft(call)
        call.draft, unknown = priced(call.draft, budgets)
        cost = reservation_nanousd(call.draft, call.request, call.engine.estimated_input_tokens)
        for budget in budgets:
            budget.cost = cost
        await self._ask_admission(call, budgets)
        if unknown:
            names = [budget.account.spec.name for budget in budgets]
            self._emitter.emit(BudgetPriceUnknown(targets=unknown, budgets=names), call.context)

    async def _degrade(self, call: Call, exhausted: list[AppliedBudget]) -> None:
        """Make do with less: the cheaper route, where there is one that the key may use, and a shorter answer."""
        call.over_budget = True
        for budget in exhausted:
            budget.enforced = False
        specs = [budget.account.spec for budget in exhausted]
        cheaper = next((spec.degrade_route for spec in specs if spec.degrade_route), None)
        if cheaper is not None:
            try:
                await self._choose_route(call, cheaper)
            except GatewayError as error:
                log.info("a call stays on its route, as %r is not for it: %s", cheaper, error.message)
        call.route_reason = "budget"
        caps = [spec.degrade_max_output_tokens for spec in specs if spec.degrade_max_output_tokens]
        if caps and isinstance(call.request, ChatRequest):
            asked = call.request.max_output_tokens
            call.output_cap = min(caps if asked is None else (*caps, asked))
            cap_output(call.request, call.output_cap)

    def rehearse(self, call: Call) -> tuple[list[AppliedBudget], list[AppliedLimit]]:
        """Plan a routed call as :meth:`admit` would, and find what would count it; counts and tells nothing.

        Raises:
            BudgetExceeded: a hard budget applies, and no target's price is known.
        """
        budgets = self._admission.spending.applied(call.tenant, call.key, call.request.user)
        self._begin_engine_call(call)
        self._draft(call)
        if budgets:
            call.draft, _unknown = priced(call.draft, budgets)
            cost = reservation_nanousd(call.draft, call.request, call.engine.estimated_input_tokens)
            for budget in budgets:
                budget.cost = cost
        return budgets, applied_limits(
            call.tenant,
            call.key,
            user=call.request.user,
            tokens=call.engine.estimated_input_tokens + _reserved_output(call.request),
        )

    def _begin_engine_call(self, call: Call) -> None:
        estimated = _estimate(call.request)
        total_ms = call.route.total_timeout_ms
        if call.route.max_latency_ms is not None and not call.streamed:
            total_ms = min(total_ms, call.route.max_latency_ms)
        call.engine = EngineCall(
            context=call.context,
            deadline=call.exchange.received_at + total_ms / 1000,
            user=call.request.user,
            estimated_input_tokens=estimated,
            traceparent=f"00-{call.trace_id}-{call.span_id}-01",
        )

    async def _ask_admission(
        self,
        call: Call,
        budgets: list[AppliedBudget],
        *,
        meanwhile: Callable[[], None] = lambda: None,
        with_tokens: bool = True,
        may_go_ahead: bool = False,
    ) -> None:
        left_s = call.engine.deadline - call.exchange.received_at
        limits = applied_limits(
            call.tenant,
            call.key,
            user=call.request.user,
            tokens=call.engine.estimated_input_tokens + _reserved_output(call.request),
        )
        if not with_tokens:
            limits = [limit for limit in limits if limit.spec.metric is not LimitMetric.TOKENS]
        call.ticket = await self._admission.admit(
            call.correlation_id,
            limits,
            budgets=budgets,
            lease_ms=round(left_s * 1000) + LEASE_MARGIN_MS,
            fail_open=call.tenant.fail_open,
            batch_class=call.batch_class,
            meanwhile=meanwhile,
            may_go_ahead=may_go_ahead,
        )

    def _draft(self, call: Call) -> None:
        call.draft = self._engine.draft(call.request, call.route, call.route_reason, call.engine)


def _estimate(request: ChatRequest | EmbeddingRequest) -> int:
    if isinstance(request, ChatRequest):
        return estimate_input_tokens(request)
    return estimate_embedding_tokens(request)


def _reserved_output(request: ChatRequest | EmbeddingRequest) -> int:
    if not isinstance(request, ChatRequest):
        return 0
    return (request.max_output_tokens or DEFAULT_OUTPUT_RESERVATION) * (request.n or 1)
