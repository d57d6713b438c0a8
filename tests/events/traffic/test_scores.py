"""Scores of live calls are counted by the minute, each once, in buckets from which any limit can be told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async

from contracts.events import ScoreRecorded
from events.collector.database import conninfo
from events.collector.store import EventStore
from events.traffic import upkeep
from events.traffic.checking import differences
from events.traffic.measures import PLATFORM, Kind
from events.traffic.reading import Stretch, Sums, sums_by_part
from events.traffic.scores import UNIT, ScorePart, bucket_of, parts_of, range_of
from tests.events.builders import TENANT, batch, context, line
from tests.events.ledger.ledger_tables import opened_store

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
HOUR = Stretch(int(NOON.timestamp()), int(NOON.timestamp()) + 3_600)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def recorded(score: float, evaluator: str = "Sounds/right 50%", route: str = "chat") -> ScoreRecorded:
    given = {"run_id": "req_1", "evaluation_id": "e-1", "kind": "rubric", "model": "gpt"}
    return ScoreRecorded(**given, evaluator=evaluator, score=score, route=route)


def sums(scope: str = TENANT) -> dict[ScorePart, Sums]:
    [found] = sums_by_part(scope, Kind.SCORE, [HOUR])
    return {ScorePart.of(part): one for part, one in found.items()}


@pytest.mark.parametrize(
    ("score", "bucket"), [(0.0, 0), (0.049, 0), (0.05, 1), (0.7, 14), (0.15, 3), (0.999, 19), (1.0, 20), (1.2, 20)]
)
def test_a_score_is_in_the_bucket_of_the_limits_that_it_reaches(score: float, bucket: int):
    assert bucket_of(score) == bucket


def test_a_part_is_read_as_it_was_written_and_lies_in_its_range():
    for part in parts_of("a/b ü%", 0.31, route="x/y", model=""):
        assert ScorePart.of(str(part)) == part
        first, after = range_of(part.evaluator, part.segment, part.name)
        assert first <= str(part) < after
    first, after = range_of("a", "route", "x")
    assert not first <= str(ScorePart("a", "route", "x0", 3)) < after
    assert not first <= str(ScorePart("a", "route", "x/y", 3)) < after


async def test_each_score_counts_once_for_all_calls_its_route_and_its_model(store: EventStore):
    of = context()
    lines = b"".join(line(recorded(score), of, NOON) + b"\n" for score in (0.72, 0.74, 0.2))
    await store.write([batch(lines, spool_id="one")])
    await store.write([batch(lines, spool_id="one")])

    found = await sync_to_async(sums)()
    high = ScorePart("Sounds/right 50%", "route", "chat", 14)
    assert (found[high].requests, found[high].cost_nanousd) == (2, round(1.46 * UNIT))
    assert {part.segment for part in found} == {"all", "route", "model"}
    assert sum(one.requests for part, one in found.items() if part.segment == "all") == 3
    assert await sync_to_async(sums)("t-2") == {}
    assert await sync_to_async(differences)() == []


async def test_a_tenants_scores_are_taken_out_with_it(store: EventStore):
    for tenant in (TENANT, "t-2"):
        at = line(recorded(0.9), context(tenant_id=tenant), NOON)
        await store.write([batch(at + b"\n", spool_id=uuid4().hex)])

    def removed() -> None:
        with psycopg.connect(conninfo()) as connection:
            upkeep.remove_tenants(connection, [TENANT])

    await sync_to_async(removed)()
    assert await sync_to_async(sums)() == {}
    assert {one.requests for one in (await sync_to_async(sums)(PLATFORM)).values()} == {1}
