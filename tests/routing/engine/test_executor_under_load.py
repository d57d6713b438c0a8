"""Many calls at once, over targets that fail in every way, some of them given up by their clients."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import pytest

from contracts.errors import GatewayError
from contracts.events import AttemptCancelled, AttemptCompleted, AttemptFailed
from contracts.specs import BreakerSpec, RouteSpec, Strategy
from routing.engine.call import EngineCall
from routing.engine.executor import Engine
from tests.routing.engine.fault_server import FaultServer
from tests.routing.engine.spec_factory import Recorder, chat, engine, engine_call, route, target

CALLS = 300
FAULTS = ("ok", "answer", "overloaded", "reset", "close", "garbage", "half_body", "half_stream", "hang", "error_first")


async def one(subject: Engine, over: RouteSpec, call: EngineCall, random: Random) -> str:
    streamed = random.random() < 0.5
    request = chat(stream=streamed)
    try:
        plan = subject.plan(request, over, "model", call)
        if not streamed:
            await subject.complete(plan, request, call)
            return "whole"
        live = await subject.stream(plan, request, call)
        if random.random() < 0.3:
            await live.aclose()
            return "closed"
        async for _ in live:
            pass
    except GatewayError as error:
        return error.code
    return "streamed"


@pytest.mark.parametrize("hedge", [False, True])
async def test_every_attempt_ends_once_and_every_place_is_given_back(hedge: bool):
    random, recorder = Random(5), Recorder()
    async with FaultServer() as server:
        targets = [
            target(
                f"t{number}",
                port=server.port,
                behaviour=behaviour,
                timeout_ms=200,
                first_token_timeout_ms=200,
                max_in_flight=7,
                max_queue=10,
                breaker=BreakerSpec(minimum_calls=20, open_s=0.1),
            )
            for number, behaviour in enumerate(FAULTS)
        ]
        over = route(*targets, strategy=Strategy.WEIGHTED, hedge=hedge)
        subject = engine(recorder)
        calls = [engine_call(3.0) for _ in range(CALLS)]
        running = [asyncio.create_task(one(subject, over, call, random)) for call in calls]
        for task in random.sample(running, CALLS // 5):
            asyncio.get_running_loop().call_later(random.random(), task.cancel)
        await asyncio.gather(*running, return_exceptions=True)

        outcomes = Counter("cancelled" if task.cancelled() else task.result() for task in running)
        assert outcomes["whole"]
        assert outcomes["streamed"]
        assert "INTERNAL_ERROR" not in outcomes
        begun = sum(len(call.attempts) for call in calls)
        ended = sum(len(recorder.of(kind)) for kind in (AttemptCompleted, AttemptFailed, AttemptCancelled))
        assert begun == ended
        assert all(shown.in_flight == 0 and shown.waiting == 0 for shown in subject.snapshot())
        assert all(call.upstream_wait_s >= 0 for call in calls)
        await subject.aclose()
