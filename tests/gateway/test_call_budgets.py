"""Calls whose budgets pay for them: through the whole pipeline, with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from contracts.budgets import BudgetAction, BudgetSpec
from contracts.chat import JsonObject
from contracts.clock import SystemClock
from contracts.events import (
    AttemptCancelled,
    BudgetPriceUnknown,
    DecisionMade,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
)
from contracts.guardrails import Action
from contracts.ports import UpstreamRequest
from contracts.specs import LimitMetric, LimitSpec, PriceSpec, RouteSpec, TargetSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.admission import Admission
from gateway.exchange import Answer
from routing.providers.sandbox_transport import SandboxUpstream
from tests.gateway.doubles import MemoryLedger, RecordingEmitter, budget
from tests.gateway.stand import Stand, json_of, read, sandbox_target, sse_objects
from tests.guardrails.engine.rule_specs import policy, rule

DOLLAR = 1_000_000_000

Build = Callable[..., Stand]


@pytest.fixture
async def build(redis_url: str, redis: Any) -> AsyncIterator[Build]:
    wires: list[RedisWire] = []
    stands: list[Stand] = []

    def build(*targets: TargetSpec, budgets: tuple[BudgetSpec, ...] = (), **fields: Any) -> Stand:
        wire = RedisWire(redis_url)
        wires.append(wire)
        admission = Admission(
            wire,
            emitter=RecordingEmitter(),
            clock=SystemClock(),
            spend_reader=MemoryLedger(),
            grace_ms=0,
            timeout_s=5,
        )
        tenant = {"budgets": budgets, **fields.pop("tenant", {})}
        stand = Stand(*targets, admission=admission, tenant=tenant, **fields)
        stands.append(stand)
        return stand

    yield _connecting(build, wires)
    for wire in wires:
        await wire.stop()


def _connecting(build: Callable[..., Stand], wires: list[RedisWire]) -> Any:
    async def connected(*targets: TargetSpec, **fields: Any) -> Stand:
        stand = build(*targets, **fields)
        await wires[-1].start()
        return stand

    return connected


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


async def spent(stand: Stand, redis: Any) -> tuple[int, int]:
    """Reserved and ended, in the one account."""
    await stand.pipeline._admission.drain()
    [name] = [key async for key in redis.scan_iter("budget:*")]
    reserved, ended = await redis.hmget(name, "r", "q")
    return int(reserved), int(ended)


async def test_a_call_is_paid_for_and_says_what_is_left(build: Any, redis: Any) -> None:
    stand = await build(budgets=(budget(DOLLAR),))
    answer = await stand.chat(max_tokens=50)
    assert answer.status == 200
    cost = json_of(answer)["cost"]["nanousd"]
    assert cost > 0
    assert await spent(stand, redis) == (0, cost)
    left = header(answer, b"x-breakwater-budget-remaining-nanousd")
    assert left is not None
    assert DOLLAR - 50 * 2_000 - 100_000 < int(left) < DOLLAR


async def test_without_budgets_there_is_no_header(build: Any) -> None:
    answer = await (await build()).chat()
    assert header(answer, b"x-breakwater-budget-remaining-nanousd") is None


async def test_a_call_beyond_the_budget_is_refused_with_402_and_says_why(build: Any) -> None:
    stand = await build(budgets=(budget(1_000, name="lunch money"),))
    answer = await stand.chat(max_tokens=50)
    assert answer.status == 402
    error = json_of(answer)["error"]
    assert error["code"] == "BUDGET_EXCEEDED"
    assert "lunch money" in error["message"]
    assert error["details"]["limit_nanousd"] == 1_000
    assert stand.only(RequestRejected).details == error["details"]


async def test_the_reservation_covers_the_dearest_target(build: Any) -> None:
    cheap = sandbox_target("cheap", price=PriceSpec(input=0, output=1_000_000))
    dear = sandbox_target("dear", price=PriceSpec(input=0, output=1_000_000_000))
    stand = await build(cheap, dear, budgets=(budget(50 * 1_000 - 1),))
    assert (await stand.chat(max_tokens=50)).status == 402
    assert (await stand.chat(max_tokens=49)).status == 200


async def test_a_hard_budget_does_not_pay_for_an_unknown_price(build: Any) -> None:
    stand = await build(sandbox_target("mystery", price=None), budgets=(budget(DOLLAR),))
    answer = await stand.chat()
    assert answer.status == 402
    assert "The price of sandbox-mystery/mystery is unknown" in json_of(answer)["error"]["message"]


async def test_targets_with_an_unknown_price_are_left_out_where_others_are_known(build: Any) -> None:
    stand = await build(sandbox_target("mystery", price=None), sandbox_target("known"), budgets=(budget(DOLLAR),))
    answer = await stand.chat()
    assert header(answer, b"x-breakwater-target") == b"sandbox-known/known"
    decision = stand.only(DecisionMade)
    assert decision.targets == ["sandbox-known/known"]
    assert [(skipped.target, skipped.reason) for skipped in decision.skipped] == [
        ("sandbox-mystery/mystery", "price_unknown")
    ]


async def test_other_budgets_let_an_unknown_price_pass_and_say_so(build: Any) -> None:
    watched = budget(DOLLAR, action=BudgetAction.ALERT_ONLY)
    stand = await build(sandbox_target("mystery", price=None), budgets=(watched,))
    assert (await stand.chat()).status == 200
    assert stand.only(BudgetPriceUnknown).targets == ["sandbox-mystery/mystery"]


async def test_a_degraded_call_takes_the_cheaper_route_with_a_shorter_answer(build: Any) -> None:
    cheap = sandbox_target("cheap", price=PriceSpec(input=0, output=1_000))
    degrading = budget(1, action=BudgetAction.DEGRADE, degrade_route="economy", degrade_max_output_tokens=3)
    route = RouteSpec(id="route-2", name="economy", targets=(cheap,))
    stand = await build(budgets=(degrading,), tenant={"routes": (route,)})
    answer = await stand.chat("one two three four five six")
    assert answer.status == 200
    assert header(answer, b"x-breakwater-degraded") == b"budget"
    assert header(answer, b"x-breakwater-route") == b"economy"
    body = json_of(answer)
    assert body["usage"]["completion_tokens"] <= 3
    assert body["choices"][0]["finish_reason"] == "length"
    assert stand.only(DecisionMade).route_reason == "budget"


async def test_policies_of_the_cheaper_route_look_at_a_degraded_call(build: Any) -> None:
    cheap = sandbox_target("cheap", price=PriceSpec(input=0, output=1_000))
    degrading = budget(1, action=BudgetAction.DEGRADE, degrade_route="economy")
    route = RouteSpec(id="route-2", name="economy", targets=(cheap,))
    policies = (policy(rule(action=Action.BLOCK), routes=frozenset({"economy"})),)
    stand = await build(budgets=(degrading,), tenant={"routes": (route,), "policies": policies})
    assert (await stand.chat("a harmless word")).status == 200
    assert json_of(await stand.chat("hunter22"))["error"]["code"] == "CONTENT_BLOCKED"
    assert stand.only(RequestFailed).cost_nanousd == 0


async def test_a_degraded_call_stays_on_its_route_where_the_key_may_not_use_the_other(build: Any) -> None:
    degrading = budget(1, action=BudgetAction.DEGRADE, degrade_route="economy", degrade_max_output_tokens=3)
    route = RouteSpec(id="route-2", name="economy", targets=(sandbox_target("cheap"),))
    stand = await build(
        budgets=(degrading,), tenant={"routes": (route,)}, key={"allowed_routes": frozenset({"default"})}
    )
    answer = await stand.chat()
    assert header(answer, b"x-breakwater-route") == b"default"
    assert header(answer, b"x-breakwater-degraded") == b"budget"


async def test_a_hard_budget_refuses_also_what_another_would_degrade(build: Any) -> None:
    degrading = budget(1, name="soft", action=BudgetAction.DEGRADE)
    stand = await build(budgets=(degrading, budget(1, name="hard")))
    answer = await stand.chat()
    assert answer.status == 402
    assert json_of(answer)["error"]["details"]["budget"] == "hard"


async def test_a_failed_call_gives_its_reservation_back(build: Any, redis: Any) -> None:
    stand = await build(sandbox_target(options={"failure_rate": 1}), budgets=(budget(DOLLAR),))
    assert (await stand.chat()).status >= 500
    assert await spent(stand, redis) == (0, 0)


async def test_a_stream_is_billed_what_it_used(build: Any, redis: Any) -> None:
    stand = await build(budgets=(budget(DOLLAR),))
    await read(await stand.chat(stream=True))
    assert await spent(stand, redis) == (0, stand.only(RequestCompleted).cost_nanousd)


async def test_a_stream_whose_client_leaves_is_billed_what_it_used(build: Any, redis: Any) -> None:
    stand = await build(budgets=(budget(DOLLAR),))
    answer = await stand.chat("one two three four five", stream=True)
    assert answer.stream is not None
    await anext(answer.stream)
    await answer.stream.aclose()
    failed = stand.only(RequestFailed)
    assert failed.cost_nanousd > 0
    assert await spent(stand, redis) == (0, failed.cost_nanousd)


async def test_embeddings_are_paid_for(build: Any, redis: Any) -> None:
    stand = await build(budgets=(budget(DOLLAR),))
    answer = await stand.send("/v1/embeddings", {"input": "Hello"})
    assert await spent(stand, redis) == (0, json_of(answer)["cost"]["nanousd"])


async def test_two_hundred_calls_at_once_never_overspend(build: Any, redis: Any) -> None:
    price = PriceSpec(input=0, output=0, request=1_000)
    stand = await build(sandbox_target(price=price, max_in_flight=500), budgets=(budget(50_000),))
    answers = await asyncio.gather(*(stand.chat(stream=bool(n % 2)) for n in range(200)))
    for answer in answers:
        if answer.stream is not None:
            await read(answer)
    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(402)) == (50, 150)
    assert await spent(stand, redis) == (0, 50_000)


# --- the request's own budget ----------------------------------------------------------------------


class Heedless(SandboxUpstream):
    """A provider that ignores max_tokens."""

    async def open(self, request: UpstreamRequest) -> Any:
        return await super().open(self._uncapped(request))

    def _uncapped(self, request: UpstreamRequest) -> UpstreamRequest:
        body = json_of(Answer(200, [], request.body))
        body.pop("max_tokens", None)
        body.pop("max_completion_tokens", None)
        return UpstreamRequest(request.method, request.url, request.headers, msgspec.json.encode(body))


WORDS = " ".join(f"word{n}" for n in range(60))


async def test_a_stream_is_cut_off_at_its_own_budget_even_if_the_provider_goes_on(build: Any, redis: Any) -> None:
    stand = await build(upstream=Heedless(), budgets=(budget(DOLLAR),))
    data = await read(await stand.chat(WORDS, stream=True, budget={"max_tokens": 10}))
    objects = sse_objects(data)
    assert objects[-1] == "[DONE]"
    texts = [choice["delta"].get("content") for each in objects[:-1] for choice in each["choices"]]
    assert 0 < len([text for text in texts if text]) <= 10
    assert objects[-2]["choices"][0]["finish_reason"] == "length"
    completed = stand.only(RequestCompleted)
    assert completed.finish_reason == "length"
    assert completed.usage_estimated
    assert 0 < completed.output_tokens <= 10
    assert stand.only(AttemptCancelled).reason == "output_cap_reached"
    assert await spent(stand, redis) == (0, completed.cost_nanousd)


async def test_a_cost_budget_is_kept_by_a_stream_that_goes_on(build: Any) -> None:
    stand = await build(upstream=Heedless())
    await read(await stand.chat(WORDS, stream=True, budget={"max_cost_usd": 0.0002}))
    completed = stand.only(RequestCompleted)
    assert completed.finish_reason == "length"
    assert completed.cost_nanousd <= 200_000


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/generate/stream"])
async def test_other_formats_end_cleanly_at_the_cap_too(build: Any, path: str) -> None:
    stand = await build(upstream=Heedless())
    body: JsonObject = {"budget": {"max_tokens": 5}}
    if path == "/v1/messages":
        body |= {"messages": [{"role": "user", "content": WORDS}], "max_tokens": 500, "stream": True}
    else:
        body |= {"prompt": WORDS}
    data = await read(await stand.send(path, body))
    assert (b'"stop_reason":"max_tokens"' if path == "/v1/messages" else b'"finish_reason":"length"') in data
    assert stand.only(RequestCompleted).output_tokens <= 5


async def test_a_stream_that_keeps_to_its_budget_is_left_alone(build: Any) -> None:
    stand = await build()
    await read(await stand.chat("one two three", stream=True, budget={"max_tokens": 100}))
    completed = stand.only(RequestCompleted)
    assert completed.finish_reason == "stop"
    assert not completed.usage_estimated


# --- priorities ------------------------------------------------------------------------------------


async def test_an_unknown_priority_is_refused(build: Any) -> None:
    stand = await build()
    answer = await stand.chat(priority="urgent")
    assert answer.status == 400
    assert json_of(answer)["error"]["param"] == "priority"
    answer = await stand.send(
        "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, x_breakwater_priority="urgent"
    )
    assert answer.status == 400
    assert json_of(answer)["error"]["param"] == "x-breakwater-priority"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
async def test_the_priority_never_reaches_a_provider(build: Any, path: str) -> None:
    sent: list[bytes] = []

    class Watched(SandboxUpstream):
        async def send(self, request: UpstreamRequest) -> Any:
            sent.append(request.body)
            return await super().send(request)

    stand = await build(upstream=Watched())
    body: JsonObject = {"messages": [{"role": "user", "content": "x"}], "service_tier": "priority"}
    answer = await stand.send(
        path, {"input": "x", "priority": "batch"} if "embed" in path else {**body, "priority": "batch"}
    )
    assert answer.status == 200
    assert b'"batch"' not in sent[0]
    assert "embed" in path or b'"service_tier":"priority"' in sent[0]


async def test_batch_calls_wait_behind_interactive_ones(build: Any, redis: Any) -> None:
    one_at_a_time = LimitSpec(
        id="places",
        level="tenant",
        subject="tenant-1",
        metric=LimitMetric.CONCURRENCY,
        value=1,
        window_s=0,
        max_wait_ms=5_000,
    )
    stand = await build(sandbox_target(options={"latency_ms": 20}), limits=(one_at_a_time,))
    order: list[str] = []

    async def call(name: str, **headers: str) -> None:
        answer = await stand.send("/v1/chat/completions", {"messages": [{"role": "user", "content": name}]}, **headers)
        assert answer.status == 200
        order.append(name)

    async def waiting(count: int) -> None:
        while await redis.zcard("admission-queue:{tenant-1}:places:tenant-1") != count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    calls: list[Awaitable[None]] = [asyncio.create_task(call("first"))]
    while not await redis.zcard("admission:{tenant-1}:places:tenant-1"):  # noqa: ASYNC110 - a condition in Redis
        await asyncio.sleep(0.001)
    calls.append(asyncio.create_task(call("batch", x_breakwater_priority="batch")))
    await waiting(1)
    calls.append(asyncio.create_task(call("interactive")))
    await asyncio.gather(*calls)
    assert order == ["first", "interactive", "batch"]
