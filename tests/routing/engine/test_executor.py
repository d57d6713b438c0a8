"""The engine against a real server that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contracts.chat import EmbeddingRequest
from contracts.clock import SystemClock
from contracts.errors import (
    DeadlineExceeded,
    NoTargetAvailable,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    UnsupportedParameter,
)
from contracts.events import (
    AttemptCancelled,
    AttemptCompleted,
    AttemptFailed,
    BreakerStateChanged,
    DecisionMade,
    FallbackUsed,
    HedgeStarted,
)
from contracts.specs import BreakerSpec, PriceSpec, RetrySpec, RouteSpec, Strategy, TargetSpec
from routing.engine.breaker_store import RedisBreakerStore
from routing.engine.call import Completion, EngineCall
from routing.engine.executor import Engine
from routing.engine.stream import LiveStream
from tests.routing.engine.fault_server import FaultServer
from tests.routing.engine.spec_factory import (
    FaultyAdapter,
    Recorder,
    ShiftedClock,
    chat,
    engine,
    engine_call,
    route,
    target,
)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as running:
        yield running


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def subject(recorder: Recorder) -> AsyncIterator[Engine]:
    built = engine(recorder)
    await built.start()
    yield built
    await built.aclose()


async def complete(subject: Engine, over: RouteSpec, call: EngineCall | None = None) -> Completion:
    call = call or engine_call()
    request = chat()
    return await subject.complete(subject.plan(request, over, "model", call), request, call)


async def stream(subject: Engine, over: RouteSpec, call: EngineCall | None = None) -> LiveStream:
    call = call or engine_call()
    request = chat(stream=True)
    return await subject.stream(subject.plan(request, over, "model", call), request, call)


def patience_ms(behaviour: str) -> int:
    """A timeout that only a server that hangs can reach."""
    return 150 if "hang" in behaviour else 10_000


def text_of(chunk: object) -> str:
    choices = chunk.body["choices"]  # type: ignore[attr-defined]
    return "".join(choice["delta"].get("content", "") for choice in choices)


async def drain(live: LiveStream, seen: list[str]) -> None:
    async for chunk in live:
        seen.append(text_of(chunk))


def idle(subject: Engine) -> bool:
    return all(shown.in_flight == 0 and shown.waiting == 0 for shown in subject.snapshot())


# --- good path --------------------------------------------------------------------------------------


async def test_a_call_is_answered_by_its_target(server: FaultServer, subject: Engine, recorder: Recorder):
    call = engine_call()
    completion = await complete(subject, route(target("a", port=server.port)), call)

    assert completion.result.text == "a"
    assert completion.target.label == "a/m"
    assert recorder.types == ["router.decision.made", "llm.attempt.completed"]
    done = recorder.of(AttemptCompleted)[0]
    assert (done.attempt, done.input_tokens, done.output_tokens, done.upstream_status) == (1, 3, 4, 200)
    assert done.duration_ms > 0
    assert 0 < call.upstream_wait_s * 1000 <= done.duration_ms
    assert idle(subject)


async def test_the_trace_goes_on_at_the_provider_under_the_attempt(server: FaultServer, subject: Engine):
    call = engine_call()
    await complete(subject, route(target("a", port=server.port)), call)

    sent = server.exchanges[0].headers["traceparent"]
    assert sent == f"00-{call.context.trace_id}-{call.attempts[0].span_id}-01"


async def test_embeddings_are_routed_like_chat(server: FaultServer, subject: Engine):
    request, call = EmbeddingRequest(input="x"), engine_call()
    over = route(
        target("a", port=server.port, behaviour="overloaded", priority=0), target("b", port=server.port, priority=1)
    )
    done = await subject.embed(subject.plan(request, over, "model", call), request, call)

    assert done.target.label == "b/m"
    assert done.result.usage is not None


# --- failures and failover --------------------------------------------------------------------------


async def test_a_passing_failure_is_retried_at_the_same_target(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    call = engine_call()
    completion = await complete(subject, route(target("a", port=server.port, behaviour="fails_once")), call)

    assert completion.target.label == "a/m"
    failed = recorder.of(AttemptFailed)[0]
    assert (failed.will_retry, failed.upstream_status, failed.error_code) == (True, 503, "PROVIDER_UNAVAILABLE")
    assert failed.retry_in_ms is not None
    assert [attempt.number for attempt in call.attempts] == [1, 2]
    assert not call.fallback_used


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("overloaded", "PROVIDER_UNAVAILABLE"),
        ("reset", "PROVIDER_UNAVAILABLE"),
        ("close", "PROVIDER_UNAVAILABLE"),
        ("garbage", "PROVIDER_BAD_RESPONSE"),
        ("half_body", "PROVIDER_BAD_RESPONSE"),
        ("half_stream", "PROVIDER_BAD_RESPONSE"),
        ("hang", "PROVIDER_TIMEOUT"),
        ("half_body_hang", "PROVIDER_TIMEOUT"),
        ("limited", "PROVIDER_RATE_LIMITED"),
        ("unauthorized", "PROVIDER_AUTH_FAILED"),
    ],
)
async def test_the_call_moves_on_when_the_first_target_fails(
    server: FaultServer, subject: Engine, recorder: Recorder, behaviour: str, code: str
):
    first = target("a", port=server.port, behaviour=behaviour, timeout_ms=patience_ms(behaviour))
    call = engine_call()
    completion = await complete(subject, route(first, target("b", port=server.port, priority=1)), call)

    assert completion.target.label == "b/m"
    assert {failed.error_code for failed in recorder.of(AttemptFailed)} == {code}
    moved = recorder.of(FallbackUsed)
    assert [(move.from_target, move.to_target, move.reason) for move in moved] == [("a/m", "b/m", code)]
    assert call.fallback_used
    assert idle(subject)


async def test_an_unreachable_target_is_passed_over(server: FaultServer, subject: Engine):
    completion = await complete(subject, route(target("a", port=1), target("b", port=server.port, priority=1)))
    assert completion.target.label == "b/m"


async def test_a_refused_request_is_not_tried_elsewhere(server: FaultServer, subject: Engine, recorder: Recorder):
    over = route(target("a", port=server.port, behaviour="bad_request"), target("b", port=server.port, priority=1))
    with pytest.raises(ProviderRejected):
        await complete(subject, over)

    assert len(server.exchanges) == 1
    assert not recorder.of(AttemptFailed)[0].will_retry


async def test_a_refused_credential_is_not_retried_at_its_target(server: FaultServer, subject: Engine):
    with pytest.raises(ProviderAuthFailed):
        await complete(subject, route(target("a", port=server.port, behaviour="unauthorized")))
    assert len(server.exchanges) == 1


async def test_the_last_failure_is_raised_after_all_attempts(server: FaultServer, subject: Engine):
    call = engine_call()
    over = route(
        target("a", port=server.port, behaviour="overloaded"),
        target("b", port=server.port, behaviour="garbage", priority=1),
    )
    with pytest.raises(ProviderBadResponse):
        await complete(subject, over, call)
    assert [attempt.target.label for attempt in call.attempts] == ["a/m", "a/m", "b/m"]


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(server: FaultServer, subject: Engine):
    call = engine_call(5.0)
    with pytest.raises(Exception, match="429") as raised:
        await complete(subject, route(target("a", port=server.port, behaviour="limited")), call)
    assert raised.value.retry_after_s == 30  # type: ignore[attr-defined]
    assert len(call.attempts) == 1


async def test_a_timeout_names_the_target_and_closes_the_connection(server: FaultServer, subject: Engine):
    over = route(target("a", port=server.port, behaviour="hang", timeout_ms=100), retry=RetrySpec(max_attempts=1))
    with pytest.raises(ProviderTimeout, match="a/m did not give an answer within 100 ms"):
        await complete(subject, over)
    await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_the_deadline_cuts_an_attempt_short(server: FaultServer, subject: Engine, recorder: Recorder):
    over = route(target("a", port=server.port, behaviour="hang"), target("b", port=server.port, priority=1))
    with pytest.raises(DeadlineExceeded):
        await complete(subject, over, engine_call(0.1))
    assert recorder.of(AttemptFailed)[0].error_code == "DEADLINE_EXCEEDED"
    assert idle(subject)


# --- cancellation -----------------------------------------------------------------------------------


async def test_a_client_that_leaves_cancels_the_call_upstream(server: FaultServer, subject: Engine, recorder: Recorder):
    running = asyncio.create_task(complete(subject, route(target("a", port=server.port, behaviour="hang"))))
    await until(lambda: server.exchanges)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await asyncio.wait_for(server.closed_by_peer.wait(), 2)
    assert [cancelled.reason for cancelled in recorder.of(AttemptCancelled)] == ["client_disconnected"]
    assert idle(subject)


async def test_a_call_cancelled_in_the_queue_leaves_no_trace(server: FaultServer, subject: Engine, recorder: Recorder):
    over = route(target("a", port=server.port, behaviour="slow", max_in_flight=1))
    first = asyncio.create_task(complete(subject, over))
    await until(lambda: server.exchanges)
    second = asyncio.create_task(complete(subject, over))
    await until(lambda: subject.snapshot()[0].waiting == 1)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    server.go.set()

    assert (await first).target.label == "a/m"
    assert not recorder.of(AttemptCancelled)
    assert idle(subject)


# --- slots ------------------------------------------------------------------------------------------


async def test_calls_over_max_in_flight_wait_their_turn(server: FaultServer, subject: Engine):
    over = route(target("a", port=server.port, behaviour="slow", max_in_flight=1))
    calls = [engine_call(), engine_call()]
    running = [asyncio.create_task(complete(subject, over, call)) for call in calls]
    await until(lambda: server.exchanges and subject.snapshot()[0].waiting == 1)
    assert subject.snapshot()[0].in_flight == 1
    server.go.set()
    await asyncio.gather(*running)

    assert calls[0].attempts[0].queue_ms == 0
    assert calls[1].attempts[0].queue_ms > 0


async def test_a_full_target_is_skipped_with_the_reason(server: FaultServer, subject: Engine, recorder: Recorder):
    full = target("a", port=server.port, behaviour="slow", max_in_flight=1, max_queue=0)
    running = asyncio.create_task(complete(subject, route(full)))
    await until(lambda: server.exchanges)
    other = await complete(subject, route(full, target("b", port=server.port, priority=1)))
    server.go.set()
    await running

    assert other.target.label == "b/m"
    decision = recorder.of(DecisionMade)[-1]
    assert [(entry.target, entry.reason) for entry in decision.skipped] == [("a/m", "full")]


async def test_nothing_to_try_is_said_with_when_to_come_back(server: FaultServer, subject: Engine):
    over = route(target("a", port=server.port, behaviour="slow", max_in_flight=1, max_queue=0))
    running = asyncio.create_task(complete(subject, over))
    await until(lambda: server.exchanges)
    with pytest.raises(NoTargetAvailable) as raised:
        await complete(subject, over)
    server.go.set()
    await running
    assert raised.value.retry_after_s == 1.0


async def test_workers_share_a_targets_places(server: FaultServer, recorder: Recorder):
    subject = engine(recorder, workers=4)
    await complete(subject, route(target("a", port=server.port, max_in_flight=10)))
    assert subject.snapshot()[0].max_in_flight == 3
    await subject.aclose()


async def test_a_call_does_not_spend_all_its_time_in_one_queue(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    busy = target("a", port=server.port, behaviour="slow", max_in_flight=1)
    running = asyncio.create_task(complete(subject, route(busy)))
    await until(lambda: server.exchanges)
    call = engine_call(1.0)
    other = await complete(subject, route(busy, target("b", port=server.port, priority=1)), call)
    server.go.set()
    await running

    assert other.target.label == "b/m"
    assert [move.reason for move in recorder.of(FallbackUsed)] == ["full"]
    assert call.upstream_wait_s >= 0.4


async def test_a_call_whose_time_is_up_in_the_queue_is_told_so(server: FaultServer, subject: Engine):
    busy = route(target("a", port=server.port, behaviour="slow", max_in_flight=1))
    running = asyncio.create_task(complete(subject, busy))
    await until(lambda: server.exchanges)
    with pytest.raises(DeadlineExceeded):
        await complete(subject, busy, engine_call(0.1))
    server.go.set()
    await running
    assert idle(subject)


# --- breaker ----------------------------------------------------------------------------------------


async def test_a_failing_target_is_suspended_and_probed_again(server: FaultServer, recorder: Recorder):
    clock = ShiftedClock()
    subject = engine(recorder, clock=clock)
    spec = BreakerSpec(minimum_calls=4, failure_rate=0.5, open_s=20.0, half_open_probes=1)
    bad = target("a", port=server.port, behaviour="overloaded", breaker=spec)
    over = route(bad, target("b", port=server.port, priority=1))
    for _ in range(2):
        await complete(subject, over)
    opened = recorder.of(BreakerStateChanged)[0]
    assert (opened.target, opened.new_state, opened.reason, opened.calls) == ("a/m", "open", "failure_rate", 4)

    await complete(subject, over)
    skipped = recorder.of(DecisionMade)[-1].skipped
    assert [(entry.target, entry.reason) for entry in skipped] == [("a/m", "breaker_open")]
    with pytest.raises(NoTargetAvailable) as raised:
        await complete(subject, route(bad))
    assert 10 < (raised.value.retry_after_s or 0) <= 20

    clock.ahead_s = 20.0
    healed = target("a", port=server.port, breaker=spec)
    assert (await complete(subject, route(healed), engine_call(100))).target.label == "a/m"
    assert [change.new_state for change in recorder.of(BreakerStateChanged)] == ["open", "half_open", "closed"]
    await subject.aclose()


def break_circuit(subject: Engine, where: TargetSpec) -> None:
    state = subject._states.of(where, SystemClock().monotonic())
    state.breaker.opened_by_peer(30.0, SystemClock().monotonic())


async def test_a_circuit_that_opens_after_the_plan_is_passed_over(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    request, call = chat(), engine_call()
    over = route(target("a", port=server.port), target("b", port=server.port, priority=1))
    plan = subject.plan(request, over, "model", call)
    break_circuit(subject, over.targets[0])

    assert (await subject.complete(plan, request, call)).target.label == "b/m"
    assert [move.reason for move in recorder.of(FallbackUsed)] == ["breaker_open"]
    assert len(call.attempts) == 1
    assert idle(subject)


async def test_no_circuit_left_after_the_plan_is_told_with_when_to_come_back(server: FaultServer, subject: Engine):
    request, call = chat(), engine_call()
    over = route(target("a", port=server.port))
    plan = subject.plan(request, over, "model", call)
    break_circuit(subject, over.targets[0])
    with pytest.raises(NoTargetAvailable) as raised:
        await subject.complete(plan, request, call)
    assert 29 < (raised.value.retry_after_s or 0) <= 30


async def test_a_bug_in_an_adapter_gives_everything_back(
    server: FaultServer, subject: Engine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise KeyError("choices")

    monkeypatch.setattr(FaultyAdapter, "parse_chat", broken)
    with pytest.raises(KeyError):
        await complete(subject, route(target("a", port=server.port)))
    assert recorder.of(AttemptFailed)[0].error_code == "INTERNAL_ERROR"
    assert idle(subject)


# --- hedging ----------------------------------------------------------------------------------------


async def warmed(subject: Engine, server: FaultServer, **fields: object) -> RouteSpec:
    """A hedging route whose first target has a p95 of next to nothing and then becomes slow."""
    quick = route(target("a", port=server.port))
    for _ in range(16):
        await complete(subject, quick)
    slow = target("a", port=server.port, behaviour="slow")
    return route(slow, target("b", port=server.port, priority=1, **fields), hedge=True)  # type: ignore[arg-type]


async def test_a_slow_first_attempt_is_overtaken_by_a_hedge(server: FaultServer, subject: Engine, recorder: Recorder):
    over = await warmed(subject, server)
    call = engine_call()
    completion = await complete(subject, over, call)

    assert completion.target.label == "b/m"
    hedge = recorder.of(HedgeStarted)[0]
    assert (hedge.slow_target, hedge.hedge_target) == ("a/m", "b/m")
    assert [(lost.target_id, lost.reason) for lost in recorder.of(AttemptCancelled)] == [("target-a", "hedge_lost")]
    assert recorder.of(AttemptCompleted)[-1].hedge
    assert call.upstream_wait_s * 1000 < sum(attempt.duration_ms for attempt in call.attempts)
    assert idle(subject)


async def test_a_hedge_that_fails_leaves_the_first_attempt_running(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    over = await warmed(subject, server, behaviour="overloaded")
    running = asyncio.create_task(complete(subject, over))
    await until(lambda: recorder.of(AttemptFailed))
    server.go.set()

    assert (await running).target.label == "a/m"
    assert idle(subject)


async def test_when_both_racers_fail_the_firsts_error_decides(server: FaultServer, subject: Engine, recorder: Recorder):
    for _ in range(16):
        await complete(subject, route(target("a", port=server.port)))
    slow = target("a", port=server.port, behaviour="hang", timeout_ms=300)
    over = route(slow, target("b", port=server.port, behaviour="unauthorized", priority=1), hedge=True)
    call = engine_call()
    with pytest.raises(ProviderTimeout):
        await complete(subject, route(*over.targets, hedge=True, retry=RetrySpec(max_attempts=2)), call)

    codes = [(failed.hedge, failed.error_code) for failed in recorder.of(AttemptFailed)]
    assert codes == [(True, "PROVIDER_AUTH_FAILED"), (False, "PROVIDER_TIMEOUT")]
    assert idle(subject)


async def test_a_client_that_leaves_during_a_race_cancels_both(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    over = await warmed(subject, server, behaviour="hang")
    running = asyncio.create_task(complete(subject, over))
    await until(lambda: recorder.of(HedgeStarted))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [lost.reason for lost in recorder.of(AttemptCancelled)] == ["client_disconnected"] * 2
    assert idle(subject)


async def test_a_lone_target_is_not_hedged(server: FaultServer, subject: Engine, recorder: Recorder):
    over = await warmed(subject, server)
    running = asyncio.create_task(complete(subject, route(over.targets[0], hedge=True)))
    await until(lambda: subject.snapshot()[0].in_flight == 1)
    server.go.set()
    await running
    assert not recorder.of(HedgeStarted)


# --- streams ----------------------------------------------------------------------------------------


async def test_a_stream_is_relayed_whole(server: FaultServer, subject: Engine, recorder: Recorder):
    live = await stream(subject, route(target("a", port=server.port, behaviour="answer")))
    texts = [text_of(chunk) async for chunk in live]

    assert texts == ["", "one", "two", ""]
    assert live.usage is not None
    assert live.usage.output_tokens == 4
    done = recorder.of(AttemptCompleted)[0]
    assert done.first_token_ms is not None
    assert done.first_token_ms <= done.duration_ms
    assert idle(subject)
    await live.aclose()
    assert not recorder.of(AttemptCancelled)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("error_first", "PROVIDER_UNAVAILABLE"),
        ("overloaded", "PROVIDER_UNAVAILABLE"),
        ("half_error", "PROVIDER_UNAVAILABLE"),
        ("role_hang", "PROVIDER_TIMEOUT"),
        ("hang", "PROVIDER_TIMEOUT"),
        ("half_body", "PROVIDER_BAD_RESPONSE"),
        ("garbage", "PROVIDER_BAD_RESPONSE"),
    ],
)
async def test_a_stream_that_fails_before_its_first_token_fails_over_unseen(
    server: FaultServer, subject: Engine, recorder: Recorder, behaviour: str, code: str
):
    first = target("a", port=server.port, behaviour=behaviour, first_token_timeout_ms=patience_ms(behaviour))
    live = await stream(subject, route(first, target("b", port=server.port, behaviour="answer", priority=1)))

    assert live.target.label == "b/m"
    assert [text_of(chunk) async for chunk in live] == ["", "one", "two", ""]
    assert {failed.error_code for failed in recorder.of(AttemptFailed)} == {code}
    assert idle(subject)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [("error_later", ProviderUnavailable), ("no_end", ProviderBadResponse), ("stream_hang", ProviderTimeout)],
)
async def test_a_stream_that_fails_later_ends_with_the_error(
    server: FaultServer, subject: Engine, recorder: Recorder, behaviour: str, error: type[Exception]
):
    over = route(target("a", port=server.port, behaviour=behaviour, timeout_ms=patience_ms(behaviour)))
    live = await stream(subject, over)
    server.go.set()
    seen: list[str] = []
    with pytest.raises(error):
        await drain(live, seen)

    assert len(seen) <= 1
    assert not recorder.of(AttemptFailed)[0].will_retry
    assert idle(subject)


async def test_a_stream_ends_at_the_calls_deadline(server: FaultServer, subject: Engine):
    live = await stream(subject, route(target("a", port=server.port, behaviour="stream_hang")), engine_call(1.0))
    with pytest.raises(DeadlineExceeded):
        await drain(live, [])
    assert idle(subject)


async def test_max_latency_bounds_the_wait_for_the_first_token_only(server: FaultServer, subject: Engine):
    hanging = target("a", port=server.port, behaviour="role_hang")
    with pytest.raises(DeadlineExceeded):
        await stream(subject, route(hanging, max_latency_ms=100))


async def test_closing_a_stream_cancels_it_upstream(server: FaultServer, subject: Engine, recorder: Recorder):
    live = await stream(subject, route(target("a", port=server.port, behaviour="stream_hang")))
    assert text_of(await anext(live)) == "1"
    await live.aclose()
    await live.aclose()

    await asyncio.wait_for(server.closed_by_peer.wait(), 2)
    assert [cancelled.reason for cancelled in recorder.of(AttemptCancelled)] == ["client_disconnected"]
    assert idle(subject)


async def test_a_reader_cancelled_in_the_middle_of_a_stream_closes_it(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    live = await stream(subject, route(target("a", port=server.port, behaviour="stream_hang")))
    reader = asyncio.create_task(drain(live, []))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)

    await asyncio.wait_for(server.closed_by_peer.wait(), 2)
    assert len(recorder.of(AttemptCancelled)) == 1
    assert idle(subject)


async def test_a_stream_that_is_dropped_unread_gives_its_slot_back(
    server: FaultServer, subject: Engine, recorder: Recorder
):
    live = await stream(subject, route(target("a", port=server.port, behaviour="stream_hang")))
    del live
    await asyncio.wait_for(server.closed_by_peer.wait(), 2)
    assert idle(subject)
    assert len(recorder.of(AttemptCancelled)) == 1


# --- planning ---------------------------------------------------------------------------------------


async def test_the_decision_tells_order_scores_and_reasons(subject: Engine, recorder: Recorder):
    request = chat(reasoning_effort="high")
    able = target("b", priority=2)
    able = type(able)(
        id=able.id,
        provider=able.provider,
        model=type(able.model)(id="x", name="m", wire_name="ok", capabilities=able.model.capabilities | {"reasoning"}),
        priority=2,
    )
    plan = subject.plan(request, route(target("a", priority=1), able), "match", engine_call())

    decision = recorder.of(DecisionMade)[0]
    assert (decision.route, decision.route_reason, decision.strategy) == ("r", "match", "priority")
    assert decision.targets == ["b/m"]
    assert decision.scores == {"b/m": 2}
    assert [(entry.target, entry.reason) for entry in plan.skipped] == [("a/m", "lacks:reasoning")]


async def test_what_no_target_can_honour_is_refused(subject: Engine, recorder: Recorder):
    with pytest.raises(UnsupportedParameter):
        subject.plan(chat(reasoning_effort="high"), route(target("a")), "model", engine_call())
    assert recorder.of(DecisionMade)[0].targets == []


async def test_a_target_slower_than_max_latency_goes_last(server: FaultServer, subject: Engine, recorder: Recorder):
    warm = route(target("a", port=server.port))
    for _ in range(16):
        await complete(subject, warm)
    over = route(warm.targets[0], target("b", port=server.port, priority=1), max_latency_ms=0)
    plan = subject.plan(chat(), over, "model", engine_call())

    assert [entry.label for entry in plan.targets] == ["b/m", "a/m"]
    assert [(entry.target, entry.reason) for entry in plan.skipped] == [("a/m", "over_max_latency")]


@pytest.mark.parametrize("strategy", [Strategy.LEAST_LATENCY, Strategy.LEAST_BUSY])
async def test_what_is_known_of_the_targets_decides(
    server: FaultServer, subject: Engine, recorder: Recorder, strategy: Strategy
):
    busy = target("a", port=server.port, behaviour="slow")
    running = asyncio.create_task(complete(subject, route(busy)))
    await until(lambda: server.exchanges)
    if strategy is Strategy.LEAST_LATENCY:
        server.go.set()
        await running
    over = route(busy, target("b", port=server.port), strategy=strategy)
    plan = subject.plan(chat(), over, "model", engine_call())
    server.go.set()
    await running

    assert [entry.label for entry in plan.targets] == ["b/m", "a/m"]
    scores = recorder.of(DecisionMade)[-1].scores
    assert scores["b/m"] == 0 < scores["a/m"]


async def test_the_cheapest_target_for_this_call_goes_first(subject: Engine, recorder: Recorder):
    dear = target("a", price=PriceSpec(input=10_000_000, output=10_000_000))
    cheap = target("b", price=PriceSpec(input=1_000_000, output=1_000_000))
    over = route(dear, cheap, strategy=Strategy.LOWEST_COST)
    plan = subject.plan(chat(max_tokens=90), over, "model", engine_call())
    assert [entry.label for entry in plan.targets] == ["b/m", "a/m"]
    assert recorder.of(DecisionMade)[0].scores == {"a/m": 1000, "b/m": 100}


async def test_a_route_without_targets_is_unavailable(subject: Engine):
    with pytest.raises(NoTargetAvailable, match="no enabled target"):
        subject.plan(chat(), route(), "model", engine_call())


async def test_the_snapshot_shows_each_target(server: FaultServer, subject: Engine):
    over = route(target("a", port=server.port), target("b", port=server.port, priority=1))
    for _ in range(10):
        await complete(subject, over)
    first, second = subject.snapshot()
    assert (first.target, first.breaker, first.in_flight, first.max_in_flight) == ("a/m", "closed", 0, 100)
    assert first.p50_ms is not None
    assert first.latency_ms is not None
    assert second.latency_ms is None


async def test_engines_share_open_circuits(server: FaultServer, recorder: Recorder, redis_url: str, redis: Redis):
    spec = BreakerSpec(minimum_calls=2, open_s=30)
    bad = target("a", port=server.port, behaviour="overloaded", breaker=spec)
    engines = [
        engine(recorder, breaker_store=RedisBreakerStore(Redis.from_url(redis_url), clock=SystemClock(), poll_s=0.01))
        for _ in range(2)
    ]
    for subject in engines:
        await subject.start()
    engines[1].plan(chat(), route(bad), "model", engine_call())
    with pytest.raises(ProviderUnavailable):
        await complete(engines[0], route(bad))
    await until(lambda: engines[1].snapshot()[0].breaker == "open")

    assert [change.reason for change in recorder.of(BreakerStateChanged)] == ["failure_rate", "peer"]
    for subject in engines:
        await subject.aclose()


async def test_a_sticky_user_always_gets_the_same_order(subject: Engine, recorder: Recorder):
    over = route(*(target(name) for name in "abcd"), strategy=Strategy.WEIGHTED, sticky_by_user=True)
    plans = [subject.plan(chat(), over, "model", engine_call(user="ann")) for _ in range(20)]
    assert len({tuple(entry.id for entry in plan.targets) for plan in plans}) == 1
    assert all(decision.sticky for decision in recorder.of(DecisionMade))


async def until(condition: object, timeout_s: float = 5.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
