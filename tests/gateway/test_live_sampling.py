"""Which calls are handed on to be scored, what of them, and that nothing of it is a call's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from contracts.clock import SystemClock
from contracts.guardrails import Action
from contracts.live_samples import QUEUE_CALLS, HandedCall, LiveSpec, losses_of, queue_of
from events.engine.redis_wire import RedisWire
from gateway.engine import live_sampling
from gateway.engine.live_sampling import LiveSampling, chance
from tests.gateway.stand import Stand, read, sandbox_target
from tests.gateway.test_guarding import IN, guarded
from tests.guardrails.engine.rule_specs import policy, rule

TENANT = "tenant-1"
EVERY = LiveSpec(id="every", rate=1.0)


@pytest.fixture
async def wire(redis_url: str, redis: Any) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    yield wire
    await wire.stop()


def stand(wire: RedisWire | None, *specs: LiveSpec, **fields: Any) -> Stand:
    """A gateway whose tenant has these live evaluations."""
    made = Stand(tenant={"live": specs, **fields})
    made.pipeline._sampling = LiveSampling(wire, clock=SystemClock())
    return made


async def queued(made: Stand, redis: Any) -> list[HandedCall]:
    """What was handed on."""
    await made.pipeline._sampling.stop()
    entries = await redis.xrange(queue_of(TENANT))
    return [msgspec.msgpack.decode(fields[b"call"], type=HandedCall) for _, fields in entries]


def test_chance_keeps_to_the_share_and_says_the_same_to_everybody():
    spec = LiveSpec(id="some", rate=0.1)
    drawn = [chance(spec, f"req_{number:032x}") for number in range(20_000)]
    assert 0.09 < sum(drawn) / len(drawn) < 0.11
    assert drawn[:50] == [chance(spec, f"req_{number:032x}") for number in range(50)]
    assert not any(chance(LiveSpec(id="some"), f"req_{number}") for number in range(100))
    assert all(chance(EVERY, f"req_{number}") for number in range(100))


async def test_without_live_evaluations_nothing_is_done(wire: RedisWire, redis: Any, monkeypatch):
    made = stand(wire)

    def never(*_: Any) -> None:
        raise AssertionError("Nobody wants the call.")

    monkeypatch.setattr(LiveSampling, "choose", never)
    monkeypatch.setattr(LiveSampling, "hand_on", never)
    assert (await made.chat()).status == 200
    assert await redis.keys("live:*") == []


async def test_streams_and_parts_of_content_are_handed_on_as_texts(wire: RedisWire, redis: Any):
    made = stand(wire, EVERY)
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    answer = await made.send("/v1/chat/completions", {"messages": messages, "stream": True, "user": "ann"})
    await read(answer)

    (call,) = await queued(made, redis)
    assert call.messages == [("system", "Be brief."), ("user", "What is\nthis?")]
    assert call.output.startswith("You said")
    assert (call.user, call.input_chars, call.key_id) == ("ann", len("What is\nthis?"), "key-1")


async def test_what_a_policy_hides_from_providers_is_not_handed_on_either(wire: RedisWire, redis: Any):
    masking = policy(rule(action=Action.MASK, stages=IN, options={"words": ["swordfish"]}))
    for streamed in (False, True):
        made, _ = guarded(masking, tenant={"live": (EVERY,)})
        made.pipeline._sampling = LiveSampling(wire, clock=SystemClock())
        answer = await made.chat("my word is swordfish", stream=streamed)
        body = await read(answer) if streamed else answer.body
        assert streamed or b"swordfish" in body, "The caller gets the value back."
        await made.pipeline._sampling.stop()
    for _, fields in await redis.xrange(queue_of(TENANT)):
        assert b"swordfish" not in fields[b"call"]
    assert await redis.xlen(queue_of(TENANT)) == 2


async def test_long_texts_are_cut(wire: RedisWire, redis: Any):
    made = stand(wire, EVERY)
    await made.chat("x" * 100_000)
    (call,) = await queued(made, redis)
    assert len(call.messages[0][1]) == live_sampling.MAX_CHARACTERS == len(call.output)
    assert call.input_chars == 100_000


async def test_only_the_model_that_answered_counts_for_who_asks_for_models(wire: RedisWire, redis: Any):
    made = stand(wire, LiveSpec(id="m", rate=1.0, models=frozenset({"another"})))
    await made.chat()
    assert await queued(made, redis) == []


async def test_calls_that_fail_are_not_sampled(wire: RedisWire, redis: Any):
    made = Stand(sandbox_target(options={"failure_rate": 1}), tenant={"live": (EVERY,)})
    made.pipeline._sampling = LiveSampling(wire, clock=SystemClock())
    assert (await made.chat()).status >= 500
    assert await queued(made, redis) == []


async def test_a_full_queue_takes_no_more_and_counts_them(wire: RedisWire, redis: Any):
    made = stand(wire, LiveSpec(id="every", rate=1.0, max_per_hour=100_000))
    for _ in range(QUEUE_CALLS):
        await redis.xadd(queue_of(TENANT), {"call": b"", "of": b""})
    await made.chat()
    await made.chat()
    await made.pipeline._sampling.stop()
    assert await redis.xlen(queue_of(TENANT)) == QUEUE_CALLS
    assert await redis.hgetall(losses_of(TENANT)) == {b"full": b"2"}


async def test_what_waited_too_long_goes_and_is_counted(wire: RedisWire, redis: Any):
    made = stand(wire, EVERY)
    await redis.xadd(queue_of(TENANT), {"call": b"", "of": b""}, id="1000-0")
    await made.chat()
    assert len(await queued(made, redis)) == 1
    assert await redis.hgetall(losses_of(TENANT)) == {b"late": b"1"}
    assert 0 < await redis.pttl(queue_of(TENANT)) <= 600_000


async def test_without_redis_calls_are_answered_and_the_loss_is_told_later(wire: RedisWire, redis: Any, redis_url: str):
    made = stand(RedisWire(redis_url), EVERY)
    assert (await made.chat()).status == 200
    await made.pipeline._sampling.stop()
    made.pipeline._sampling._wire = wire
    await made.chat()
    assert len(await queued(made, redis)) == 1
    assert await redis.hgetall(losses_of(TENANT)) == {b"away": b"1"}


async def test_a_redis_that_hangs_holds_up_no_call(monkeypatch):
    class Hanging:
        async def call(self, *_: Any) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr(live_sampling, "TIMEOUT_S", 0.05)
    made = stand(Hanging(), EVERY)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        assert (await made.chat()).status == 200
        await made.pipeline._sampling.stop()
    assert made.pipeline._sampling._lost == {TENANT: 1}


async def test_beyond_the_calls_under_way_further_ones_are_dropped(wire: RedisWire, redis: Any, monkeypatch):
    monkeypatch.setattr(live_sampling, "UNDER_WAY", 0)
    made = stand(wire, EVERY)
    assert (await made.chat()).status == 200
    assert await queued(made, redis) == []
    assert made.pipeline._sampling._lost == {TENANT: 1}


async def test_the_least_of_an_hour_is_taken_whatever_chance_says_and_then_chance_alone(wire: RedisWire, redis: Any):
    made = stand(wire, LiveSpec(id="few", rate=0.0, min_per_hour=2))
    for _ in range(4):
        await made.chat()
        await made.pipeline._sampling.stop()
    assert len(await queued(made, redis)) == 2


async def test_all_workers_count_an_hour_together(wire: RedisWire, redis: Any):
    one, other = (stand(wire, LiveSpec(id="few", rate=1.0, max_per_hour=3)) for _ in range(2))
    for made in (one, other, one, other, one):
        await made.chat()
        await made.pipeline._sampling.stop()
    assert len(await queued(one, redis)) == 3
