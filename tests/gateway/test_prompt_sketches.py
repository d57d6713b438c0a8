"""What is asked is added up by the minute: no text leaves the gateway, and nothing of it is a call's trouble."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from contracts.clock import SystemClock
from contracts.live_samples import LiveSpec
from contracts.prompt_sums import PromptSum, sums_of
from embeddings.static import shared_embedder
from events.engine.redis_wire import RedisWire
from gateway.engine import prompt_sketches
from gateway.engine.prompt_sketches import Noted, PromptSketches, summed
from tests.gateway.stand import read
from tests.gateway.test_live_sampling import TENANT, stand, wire

__all__ = ["wire"]

ADDED = LiveSpec(id="added", prompts_per_minute=30)


async def handed(made: Any, redis: Any) -> list[PromptSum]:
    await made.pipeline._sampling.stop()
    return [msgspec.msgpack.decode(one, type=PromptSum) for one in await redis.lrange(sums_of(TENANT), 0, -1)]


async def test_questions_are_added_up_without_their_texts(wire: RedisWire, redis: Any):
    made = stand(wire, ADDED)
    for text in ("Where is my parcel?", "I want my money back."):
        assert (await made.chat(messages=[{"role": "user", "content": text}])).status == 200
    messages = [{"role": "user", "content": "Old"}, {"role": "user", "content": [{"type": "text", "text": "New?"}]}]
    await read(await made.send("/v1/chat/completions", {"messages": messages, "stream": True}))

    sums = await handed(made, redis)
    assert sum(one.prompts for one in sums) == 3
    embedder = shared_embedder()
    asked = ("Where is my parcel?", "I want my money back.", "New?")
    expected = np.sum([embedder.embed(text) for text in asked], axis=0)
    assert np.allclose(sum(np.frombuffer(one.total, "<f4") for one in sums), expected, atol=1e-5)
    assert await redis.pttl(sums_of(TENANT)) > 0
    assert not any(b"parcel" in one for one in await redis.lrange(sums_of(TENANT), 0, -1))


async def test_where_nobody_looks_at_prompts_none_are_added_up(wire: RedisWire, redis: Any):
    made = stand(wire, LiveSpec(id="scores", rate=0.0, prompts_per_minute=0))
    other = LiveSpec(id="other", routes=frozenset({"elsewhere"}), prompts_per_minute=30)
    elsewhere = stand(wire, other)
    for each in (made, elsewhere):
        await each.chat()
        assert await handed(each, redis) == []


async def test_a_minute_takes_so_many_of_a_route_and_no_more(wire: RedisWire, redis: Any):
    sketches = PromptSketches(wire, clock=SystemClock())
    for _ in range(50):
        sketches.note(TENANT, "chat", "Where is it?", 7)
        sketches.note(TENANT, "other", "Where is it?", 3)
    sketches.note(TENANT, "third", "  ", 7)
    await sketches.stop()
    sums = [msgspec.msgpack.decode(one, type=PromptSum) for one in await redis.lrange(sums_of(TENANT), 0, -1)]
    # The minute may have turned in between.
    assert 1 <= len({one.start_s for one in sums}) <= 2
    assert {one.route for one in sums} == {"chat", "other"}
    assert max(one.prompts for one in sums if one.route == "chat") == 7
    assert max(one.prompts for one in sums if one.route == "other") == 3


async def test_without_redis_sums_are_lost_and_calls_are_answered(unused_tcp_port: int):
    away = RedisWire(f"redis://127.0.0.1:{unused_tcp_port}/0")
    await away.start()
    made = stand(away, ADDED)
    assert (await made.chat()).status == 200
    await made.pipeline._sampling.stop()
    await away.stop()


def test_long_questions_are_taken_by_both_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prompt_sketches, "MAX_CHARACTERS", 20)
    noted: list[Noted] = []
    sketches = PromptSketches.__new__(PromptSketches)
    PromptSketches.__init__(sketches, None, clock=SystemClock())  # type: ignore[arg-type]
    monkeypatch.setattr(sketches, "_timer", object())
    sketches.note("t", "chat", "a" * 30 + "b" * 30, 5)
    noted += sketches._noted
    assert [one.text for one in noted] == ["a" * 10 + "\n" + "b" * 10]
    [[one]] = summed(noted).values()
    assert (one.route, one.prompts) == ("chat", 1)
