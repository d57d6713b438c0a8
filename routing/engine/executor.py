"""The routing engine: plans a call, carries it out, and knows how each target is doing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from contracts.chat import ChatRequest, EmbeddingRequest, Usage
from contracts.errors import GatewayError
from contracts.events import BreakerStateChanged, DecisionMade, EventContext, SkippedTarget
from contracts.ports import Clock, CredentialRenewer, Emitter, Upstream
from contracts.specs import RouteSpec, Strategy, TargetSpec
from routing.engine.breaker import Transition
from routing.engine.breaker_store import BreakerStore, LocalBreakerStore
from routing.engine.call import Completion, Draft, EmbeddingCompletion, EngineCall, Plan
from routing.engine.capabilities import exclusion, needs_of, refusal
from routing.engine.cost import cost_nanousd, output_token_bound
from routing.engine.drive import Drive, T, none_available
from routing.engine.operations import ChatOnce, EmbedOnce, OpenStream, Operation, Wire
from routing.engine.statistics import TargetSnapshot, TargetState, TargetStates
from routing.engine.strategies import Candidate, rank
from routing.engine.stream import LiveStream
from routing.providers.base import Adapter
from routing.providers.registry import adapter_for

__all__ = ["Engine", "LiveStream"]

_NOBODY = EventContext()


class Engine:
    """Serves calls by their routes; one instance per gateway worker and event loop.

    ``workers`` is how many workers share each target's ``max_in_flight``; ``credentials`` are asked when a provider
    refuses one.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        emitter: Emitter,
        clock: Clock,
        random: Random | None = None,
        adapters: Callable[[str], Adapter] = adapter_for,
        breaker_store: BreakerStore | None = None,
        workers: int = 1,
        credentials: CredentialRenewer | None = None,
    ) -> None:
        self._upstream = upstream
        self._emitter = emitter
        self._clock = clock
        self._random = random or Random()
        self._credentials = credentials
        self._adapter_for = adapters
        self._wire = Wire(upstream, adapters, clock)
        self._states = TargetStates(workers=workers, listener=self._on_transition)
        self._breaker_store = breaker_store or LocalBreakerStore()
        self.on_transition: Callable[[], None] = lambda: None
        """Called when a circuit of this worker changed its state."""

    async def start(self) -> None:
        """Begin to share the breakers' states with other workers."""
        await self._breaker_store.start(self._states)

    async def aclose(self) -> None:
        """Stop sharing and close the upstream's connections."""
        await self._breaker_store.aclose()
        await self._upstream.aclose()

    def snapshot(self) -> list[TargetSnapshot]:
        """Every target this worker has served lately, by label."""
        now = self._clock.monotonic()
        return sorted((state.snapshot(now) for state in self._states), key=lambda shown: shown.target)

    def recent(self, within_s: float, most: int) -> list[TargetState]:
        """The targets that are busy, suspended or were used within that time, the most recently used first."""
        oldest = self._clock.monotonic() - within_s
        found = [state for state in self._states if state.last_used >= oldest or not state.idle]
        return sorted(found, key=lambda state: (not state.idle, state.last_used), reverse=True)[:most]

    # --- planning ----------------------------------------------------------------------------------

    def plan(self, request: ChatRequest | EmbeddingRequest, route: RouteSpec, reason: str, call: EngineCall) -> Plan:
        """:meth:`draft` and :meth:`decide` in one."""
        return self.decide(self.draft(request, route, reason, call), call)

    def draft(self, request: ChatRequest | EmbeddingRequest, route: RouteSpec, reason: str, call: EngineCall) -> Draft:
        """What would be planned for the call as things stand; tells nobody."""
        now = self._clock.monotonic()
        usable, skipped = self._sift(request, route, call.estimated_input_tokens, now)
        sticky_key = call.user if route.sticky_by_user else None
        targets: list[TargetSpec] = []
        scores: dict[str, float] = {}
        sticky = False
        if usable:
            candidates = [self._candidate(state, route.strategy, request, call, now) for state in usable]
            ranking = rank(route.strategy, candidates, self._random, sticky_key)
            targets, scores, sticky = ranking.targets, ranking.scores, ranking.sticky
            if route.max_latency_ms is not None and len(targets) > 1:
                targets = self._slow_last(targets, route.max_latency_ms, request, skipped, now)
        decision = DecisionMade(
            route=route.name,
            route_reason=reason,
            strategy=str(route.strategy),
            targets=[target.label for target in targets],
            scores=scores,
            skipped=skipped,
            sticky=sticky,
        )
        return Draft(route, tuple(targets), decision)

    def decide(self, draft: Draft, call: EngineCall) -> Plan:
        """The targets to try, in order; emits the decision, also when there is none to try.

        Raises:
            UnsupportedParameter, ContextTooLong: no target of the route could ever honour the request.
            NoTargetAvailable: every target that could is suspended or full.
        """
        decision = draft.decision
        self._emitter.emit(decision, call.context)
        if not draft.targets:
            raise self.refusal_of(draft)
        return Plan(draft.route, decision.route_reason, draft.targets, tuple(decision.skipped))

    def refusal_of(self, draft: Draft) -> GatewayError:
        """What a call with this draft is refused with, where there is no target to try."""
        now = self._clock.monotonic()
        return refusal(draft.decision.skipped) or none_available(draft.route, self._states, now)

    def _sift(
        self, request: ChatRequest | EmbeddingRequest, route: RouteSpec, input_tokens: int, now: float
    ) -> tuple[list[TargetState], list[SkippedTarget]]:
        needs = needs_of(request)
        usable: list[TargetState] = []
        skipped: list[SkippedTarget] = []
        for target in route.targets:
            state = self._states.of(target, now)
            why = exclusion(request, needs, target, self._adapter_for(target.provider.kind), input_tokens)
            if why is None and not state.breaker.available(now):
                why = "breaker_open"
            if why is None and state.slots.full:
                why = "full"
            if why is None:
                usable.append(state)
            else:
                skipped.append(SkippedTarget(target.label, why))
        return usable, skipped

    def _candidate(
        self,
        state: TargetState,
        strategy: Strategy,
        request: ChatRequest | EmbeddingRequest,
        call: EngineCall,
        now: float,
    ) -> Candidate:
        """Only the figure that the strategy needs is worked out."""
        if strategy is Strategy.LEAST_LATENCY:
            window = state.first_token if _streamed(request) else state.latency
            return Candidate(state.target, latency_ms=window.average(now))
        if strategy is Strategy.LOWEST_COST:
            return Candidate(state.target, cost_nanousd=_expected_cost(request, state.target, call))
        if strategy is Strategy.LEAST_BUSY:
            return Candidate(state.target, busy=state.slots.in_flight + state.slots.waiting)
        return Candidate(state.target)

    def _slow_last(
        self,
        targets: list[TargetSpec],
        max_latency_ms: int,
        request: ChatRequest | EmbeddingRequest,
        skipped: list[SkippedTarget],
        now: float,
    ) -> list[TargetSpec]:
        quick: list[TargetSpec] = []
        slow: list[TargetSpec] = []
        for target in targets:
            state = self._states.of(target, now)
            p95_ms = (state.first_token if _streamed(request) else state.latency).p95(now)
            (slow if p95_ms is not None and p95_ms > max_latency_ms else quick).append(target)
        skipped.extend(SkippedTarget(target.label, "over_max_latency") for target in slow)
        return quick + slow

    # --- carrying out ------------------------------------------------------------------------------

    async def complete(self, plan: Plan, request: ChatRequest, call: EngineCall) -> Completion:
        """A whole answer.

        Raises:
            ProviderError: the last attempt's failure.
            NoTargetAvailable: no target could be tried.
            DeadlineExceeded: the call's time is up.
        """
        return await self._drive(plan, call, ChatOnce(self._wire, request), call.deadline)

    async def embed(self, plan: Plan, request: EmbeddingRequest, call: EngineCall) -> EmbeddingCompletion:
        """Embeddings. Raises as :meth:`complete`."""
        return await self._drive(plan, call, EmbedOnce(self._wire, request), call.deadline)

    async def stream(self, plan: Plan, request: ChatRequest, call: EngineCall) -> LiveStream:
        """A stream whose first output is here: what failed before it was retried unseen. Raises as :meth:`complete`.

        ``max_latency_ms`` bounds the wait for the first output, the call's deadline the whole stream.
        """
        deadline = call.deadline
        if plan.route.max_latency_ms is not None:
            deadline = min(deadline, self._clock.monotonic() + plan.route.max_latency_ms / 1000)
        return await self._drive(plan, call, OpenStream(self._wire, request), deadline)

    async def _drive(self, plan: Plan, call: EngineCall, operation: Operation[T], deadline: float) -> T:
        drive = Drive(
            plan,
            call,
            operation,
            deadline=deadline,
            states=self._states,
            clock=self._clock,
            emitter=self._emitter,
            random=self._random,
            credentials=self._credentials,
        )
        return await drive.run()

    def _on_transition(self, state: TargetState, transition: Transition) -> None:
        self._emitter.emit(
            BreakerStateChanged(
                target_id=state.target.id,
                target=state.target.label,
                old_state=transition.old.value,
                new_state=transition.new.value,
                reason=transition.reason,
                failure_rate=transition.failure_rate,
                slow_call_rate=transition.slow_call_rate,
                calls=transition.calls,
            ),
            _NOBODY,
        )
        self._breaker_store.changed(state, transition)
        self.on_transition()


def _streamed(request: ChatRequest | EmbeddingRequest) -> bool:
    return isinstance(request, ChatRequest) and bool(request.stream)


def _expected_cost(request: ChatRequest | EmbeddingRequest, target: TargetSpec, call: EngineCall) -> int | None:
    output = 0
    if isinstance(request, ChatRequest):
        output = output_token_bound(request.max_output_tokens, target.model, request.n or 1)
    usage = Usage(input_tokens=call.estimated_input_tokens, output_tokens=output)
    return cost_nanousd(usage, target.model.price)
