"""Live evaluations and calls through the real gateway, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from contracts.events import EventContext, EventPayload
from contracts.live_samples import HandedCall
from evaluation.live.services import create_live_evaluation
from evaluation.live.taking import score_calls, write
from evaluation.models import Evaluator, LiveEvaluation, LiveSample, LiveScore
from events.collector.database import conninfo
from events.collector.store import EventStore
from gateway.endpoints import serve
from gateway.exchange import Answer, GatewayRequest
from gateway.process import running
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator
from tests.events.builders import batch, line

CHAT = "/v1/chat/completions"


def make_live(tenant: Tenant, *evaluators: Evaluator, name: str = "All answers", **fields: Any) -> LiveEvaluation:
    """Every call is sampled, by an evaluator that wants the word *fine*."""
    asked = evaluators or (make_evaluator(tenant, "contains", "Says fine", texts=["fine"]),)
    return create_live_evaluation(tenant=tenant, name=name, evaluators=asked, **{"rate": 1.0, **fields})


def ask(key: str, *texts: str, stream: bool = False, **fields: Any) -> list[str]:
    """Call the gateway of this process as an application does; the runs' ids."""
    process = running()

    async def one(text: str) -> str:
        body = {"model": "small", "messages": [{"role": "user", "content": text}], "stream": stream, **fields}
        exchange = GatewayRequest(
            "POST",
            CHAT,
            "",
            {"authorization": f"Bearer {key}"},
            "127.0.0.1",
            msgspec.json.encode(body),
            time.monotonic(),
        )
        found = process.runtime.endpoints.find(CHAT)
        assert found is not None
        answer = await serve(found[0], "", exchange)
        assert answer.status == 200, answer.body
        if answer.stream is not None:
            async for _ in answer.stream:
                continue
        return _run_id(answer)

    async def all_of_them() -> list[str]:
        # A change is heard of a moment later.
        process.runtime._specs.invalidate_all()
        runs = [await one(text) for text in texts]
        await process.runtime._sampling.stop()
        return runs

    return process.run(all_of_them())


def _run_id(answer: Answer) -> str:
    return next(value.decode() for name, value in answer.headers if name.lower() == b"x-correlation-id")


def scored(tenant: Tenant) -> int:
    """Score what waits in the queue."""
    return score_calls(tenant.pk, for_s=30.0)


def samples(tenant: Tenant) -> list[LiveSample]:
    return list(LiveSample.objects.for_tenant(tenant).order_by("at", "pk"))


def scores(tenant: Tenant) -> list[LiveScore]:
    return list(LiveScore.objects.for_tenant(tenant).order_by("at", "pk"))


def store(events: Sequence[tuple[EventPayload, EventContext]], at: datetime | None = None, spool: str = "s-1") -> None:
    """Have the collector write these events, as if they had been emitted at a chosen time."""

    async def written() -> None:
        of = EventStore(conninfo(), retention=timedelta(days=30))
        data = b"".join(line(payload, context, at or datetime.now(UTC)) + b"\n" for payload, context in events)
        await of.write([batch(data, spool_id=spool)])
        await of.aclose()

    asyncio.run(written())


def handed(run_id: str = "req_1", question: str = "How are you?", answer: str = "All is fine.", **fields: Any):
    """A call as the gateway hands it on."""
    given: dict[str, Any] = {
        "route": "small",
        "model": "sandbox-small",
        "provider": "sandbox",
        "key_id": "key-1",
        "mode": "direct",
    }
    figures = {"at_ms": int(datetime.now(UTC).timestamp() * 1000), "input_chars": len(question)}
    messages = [("user", question)]
    return HandedCall(
        **{**given, **figures, "run_id": run_id, "messages": messages, "output": answer, "output_chars": len(answer)}
        | fields
    )


def plant_score(
    evaluation: LiveEvaluation, value: float | None = 1.0, *, evaluator: str = "Says fine", **call: Any
) -> LiveSample:
    """A sample with one score, written as the worker writes it."""
    score = LiveScore(
        tenant_id=evaluation.tenant_id,
        evaluation=evaluation,
        evaluator=evaluator,
        kind="contains",
        value=value,
        why=f"It says {value}.",
    )
    sample = write(evaluation.tenant, handed(**call), [score])
    assert sample is not None
    return sample
