"""Searches of documents and answers that rest on them are counted by the minute, each event once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from contracts.events import AnswerAssessed, RetrievalSearched
from events.collector.store import EventStore
from events.traffic.checking import differences
from events.traffic.measures import PLATFORM, Kind
from events.traffic.reading import Stretch, sums_by_part
from tests.events.builders import TENANT, batch, context, line
from tests.events.ledger.ledger_tables import opened_store

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
HOUR = Stretch(int(NOON.timestamp()), int(NOON.timestamp()) + 3_600)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def counted(scope: str) -> dict[str, tuple[int, float]]:
    [found] = sums_by_part(scope, Kind.RETRIEVAL, [HOUR])
    return {part: (one.requests, one.cost_nanousd / 1e9) for part, one in found.items()}


def searched(passages: int, **more: object) -> RetrievalSearched:
    given = {"collections": ["handbook"], "method": "hybrid", "duration_ms": 9.0}
    return RetrievalSearched(**(given | more), passages=passages)  # type: ignore[arg-type]


def assessed(risk: float, **more: object) -> AnswerAssessed:
    given = {"collections": ["handbook"], "support": 0.5, "claims": 2, "unsupported": 0}
    return AnswerAssessed(**(given | more), risk=risk)  # type: ignore[arg-type]


async def test_each_search_and_each_answer_counts_once_for_its_tenant_and_for_all(store: EventStore):
    told = [
        searched(5, similarity=0.75),
        searched(3, similarity=0.25, degraded="rerank_timeout"),
        searched(0),
        assessed(0.5, unsupported=1),
        assessed(0.25),
        assessed(0.0, declined=True),
    ]
    lines = b"".join(line(one, context(), NOON) + b"\n" for one in told)
    await store.write([batch(lines, spool_id="one")])
    await store.write([batch(lines, spool_id="one")])

    wanted = {
        "searches": (3, 0.0), "empty": (1, 0.0), "degraded": (1, 0.0), "similarity": (2, 1.0),
        "risk": (2, 0.75), "unsupported": (1, 0.0),
    }  # fmt: skip
    for scope in (TENANT, PLATFORM):
        assert await sync_to_async(counted)(scope) == wanted
    assert await sync_to_async(differences)() == []
