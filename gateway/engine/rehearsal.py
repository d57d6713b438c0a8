"""What would become of a call: routed and planned by the code that serves calls, but neither made, counted nor told.

Nothing of this is on a call's path; a rehearsal takes about as much of the event loop's time as planning one call.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest, Usage
from contracts.errors import GatewayError
from contracts.events import DecisionMade
from contracts.ports import Clock
from contracts.specs import KeySpec, RouteSpec, TargetSpec, TenantSpec
from gateway.engine.budgets import AppliedBudget
from gateway.engine.call import Call
from gateway.engine.entrance import Entrance
from gateway.engine.limits import AppliedLimit
from gateway.engine.request_budget import apply_budget
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import GatewayRequest
from gateway.formats.embeddings import parse_embeddings
from gateway.formats.openai import OpenAIChatFormat
from gateway.formats.validation import decode_object, tags_of
from routing.engine.cost import cost_nanousd, output_token_bound, upper_bound_nanousd
from routing.engine.executor import Engine
from routing.engine.explain import Considered, considered
from routing.engine.statistics import TargetSnapshot

NOBODYS_KEY = "dry-run"
"""Id of the key in whose name is asked where no key is given: one that may use everything."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A call that might be made."""

    tenant_id: str
    body: bytes
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    key_hash: str = ""
    embeddings: bool = False
    typical_output: int = 250
    """Tokens of an answer, for the expected cost."""


class RehearsedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One target of the route: its place in the plan, or why it has none."""

    target: TargetSpec
    place: int | None = None
    """From 1; None where it would not be tried."""
    reasons: tuple[str, ...] = ()
    """As in ``SkippedTarget.reason``, and ``key``: the key may not use its model."""
    score: float | None = None
    """What the strategy ranked it by."""
    state: TargetSnapshot | None = None
    """As this worker knows it; None where it has not been used."""
    expected_nanousd: int | None = None
    most_nanousd: int | None = None


class Rehearsed(msgspec.Struct, kw_only=True):
    """The outcome; what comes after an error is missing."""

    error: GatewayError | None = None
    tenant: TenantSpec | None = None
    key: KeySpec | None = None
    request: ChatRequest | EmbeddingRequest | None = None
    tags: dict[str, str] = {}
    routes: list[Considered] = []
    route: RouteSpec | None = None
    reason: str = ""
    """As in ``DecisionMade.route_reason``."""
    decision: DecisionMade | None = None
    targets: list[RehearsedTarget] = []
    input_tokens: int = 0
    output_cap: int | None = None
    """Output tokens that the request's own budget leaves."""
    limits: list[AppliedLimit] = []
    budgets: list[AppliedBudget] = []


class Rehearsal:
    """Rehearses calls with the specs, circuits and latencies of this worker."""

    def __init__(self, *, specs: SpecCache, entrance: Entrance, engine: Engine, clock: Clock) -> None:
        self._specs = specs
        self._entrance = entrance
        self._engine = engine
        self._clock = clock

    async def perform(self, question: Question) -> Rehearsed:
        """As far as the call would come."""
        done = Rehearsed()
        try:
            await self._steps(question, done)
        except GatewayError as error:
            done.error = error
        return done

    async def _steps(self, question: Question, done: Rehearsed) -> None:
        call = self._begin(question)
        tenant = await self._specs.tenant(question.tenant_id)
        key = await self._specs.key(question.key_hash) if question.key_hash else None
        if tenant is None:
            raise GatewayError("The gateway does not know this tenant.")
        call.tenant = done.tenant = tenant
        call.key = done.key = key or KeySpec(id=NOBODYS_KEY, tenant_id=tenant.id, name="any key")
        body = decode_object(question.body)
        call.request = parse_embeddings(body) if question.embeddings else OpenAIChatFormat().parse(body)
        done.request, call.tags = call.request, tags_of(call.request.tags)
        done.tags = call.tags
        try:
            await self._entrance.route(call)
        finally:
            done.routes = await self._considered(call)
        done.route, done.reason = call.route, call.route_reason
        done.budgets, done.limits = self._entrance.rehearse(call)
        done.input_tokens = call.engine.estimated_input_tokens
        done.decision = call.draft.decision
        done.targets = self._targets(call, question.typical_output)
        if isinstance(call.request, ChatRequest) and call.draft.targets:
            done.output_cap = apply_budget(call.request, call.draft.targets, done.input_tokens)
        if not call.draft.targets:
            raise self._engine.refusal_of(call.draft)

    def _begin(self, question: Question) -> Call:
        path = "/v1/embeddings" if question.embeddings else "/v1/chat/completions"
        exchange = GatewayRequest("POST", path, "", question.headers, "", question.body, self._clock.monotonic())
        return Call(
            exchange=exchange,
            endpoint=path,
            operation="embeddings" if question.embeddings else "chat",
            correlation_id="dry-run",
            trace_id="",
            span_id="",
            parent_span_id="",
            started_at_ns=0,
            tenant_id=question.tenant_id,
        )

    async def _considered(self, call: Call) -> list[Considered]:
        chosen = getattr(call, "route", None)
        chat = call.request if isinstance(call.request, ChatRequest) else None
        return considered(
            call.tenant,
            await self._specs.platform(),
            call.key,
            model=call.request.model,
            mode=chat.mode if chat is not None else "direct",
            tags=call.tags,
            headers=call.exchange.headers,
            chosen=chosen.id if chosen is not None else None,
        )

    def _targets(self, call: Call, typical_output: int) -> list[RehearsedTarget]:
        decision, request = call.draft.decision, call.request
        places = {target.id: place for place, target in enumerate(call.draft.targets, start=1)}
        reasons: dict[str, list[str]] = {}
        for skipped in decision.skipped:
            reasons.setdefault(skipped.target, []).append(skipped.reason)
        states = {state.target_id: state for state in self._engine.snapshot()}
        input_tokens = call.engine.estimated_input_tokens
        found = []
        for target in call.route.targets:
            most = _most_output(request, target)
            usage = Usage(input_tokens=input_tokens, output_tokens=min(typical_output, most))
            found.append(
                RehearsedTarget(
                    target=target,
                    place=places.get(target.id),
                    reasons=tuple(reasons.get(target.label, ())),
                    score=decision.scores.get(target.label),
                    state=states.get(target.id),
                    expected_nanousd=cost_nanousd(usage, target.model.price),
                    most_nanousd=upper_bound_nanousd(
                        target.model.price,
                        input_tokens=input_tokens,
                        output_tokens=most,
                        audio="audio" in target.model.capabilities,
                    ),
                )
            )
        return sorted(found, key=lambda one: one.place or len(found) + 1)


def _most_output(request: ChatRequest | EmbeddingRequest, target: TargetSpec) -> int:
    if not isinstance(request, ChatRequest):
        return 0
    return output_token_bound(request.max_output_tokens, target.model, request.n or 1)
