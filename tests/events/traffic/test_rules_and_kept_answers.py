"""Hits of rules and of kept answers are counted from their events, for each tenant and for the platform."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async

from contracts.events import CacheShadowed, EventPayload, GuardrailBlocked, GuardrailFailed
from contracts.signals import KeptAnswers
from events.collector.database import conninfo
from events.collector.store import EventStore
from events.traffic import upkeep
from events.traffic.checking import differences
from events.traffic.kept_answers import (
    CacheFigures,
    ShadowFigures,
    cache_by_route,
    cache_course,
    cache_figures,
    shadow_figures,
)
from events.traffic.measures import PLATFORM
from events.traffic.parts import RulePart
from events.traffic.reader import kept_answers, rule_hits
from events.traffic.reading import Stretch, axis
from events.traffic.rules import BLOCKED, FAILED, MATCHED, event_counts, rule_counts, rule_course
from tests.events.builders import TENANT, batch, cache_hit, cache_missed, context, line, matched
from tests.events.ledger.ledger_tables import opened_store

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
HOUR = Stretch(int(NOON.timestamp()), int(NOON.timestamp()) + 3_600)
OTHER_TENANT = "t-2"
COMMON: dict[str, Any] = {
    "policy_id": "p-1",
    "policy": "standard",
    "version": 1,
    "rule_id": "r-1",
    "rule": "R",
    "kind": "words",
}


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


async def _write(store: EventStore, *events: EventPayload, minute: int = 0, tenant_id: str = TENANT) -> None:
    at = NOON + timedelta(minutes=minute)
    lines = [line(event, context(tenant_id=tenant_id), at) for event in events]
    await store.write([batch(b"\n".join(lines) + b"\n", spool_id=uuid4().hex)])


async def test_hits_are_counted_by_policy_rule_and_what_followed(store: EventStore):
    await _write(
        store, matched(), matched(), matched(rule_id="r/2", action="mask", shadow=True), matched(policy_id="p-10")
    )
    await _write(store, matched(), tenant_id=OTHER_TENANT)
    [mine] = await sync_to_async(rule_counts)(TENANT, [HOUR], "p-1")
    assert mine == {RulePart("p-1", "r-1", "block"): 2, RulePart("p-1", "r/2", "mask", shadow=True): 1}
    [everyone] = await sync_to_async(rule_counts)(PLATFORM, [HOUR])
    assert everyone[RulePart("p-1", "r-1", "block")] == 3
    assert everyone[RulePart("p-10", "r-1", "block")] == 1
    assert await sync_to_async(differences)() == []


async def test_hits_have_a_course(store: EventStore):
    await _write(store, matched())
    await _write(store, matched(), matched(), minute=31)
    found = await sync_to_async(rule_course)(TENANT, axis(HOUR, 900), "p-1")
    assert found == {RulePart("p-1", "r-1", "block"): [1, 0, 2, 0]}


async def test_events_of_guardrails_are_counted_by_type(store: EventStore):
    failed = GuardrailFailed(**COMMON, stage="input", reason="deadline", on_error="allow")
    await _write(store, matched(), failed, GuardrailBlocked(**COMMON, stage="input"))
    [found] = await sync_to_async(event_counts)(TENANT, [HOUR])
    assert found == {MATCHED: 1, FAILED: 1, BLOCKED: 1}
    [rules] = await sync_to_async(rule_counts)(TENANT, [HOUR])
    assert rules == {RulePart("p-1", "r-1", "block"): 1, RulePart("p-1", "r-1", "failed"): 1}


async def test_lookups_are_counted_by_route_with_what_they_saved(store: EventStore):
    await _write(store, cache_hit(), cache_hit(saved_nanousd=None), cache_missed(), cache_missed(reason="sampled"))
    await _write(store, cache_hit(route="a/b", saved_nanousd=7), minute=20)
    [found] = await sync_to_async(cache_figures)(TENANT, [HOUR])
    assert found == CacheFigures(exact=3, missed=1, bypassed=1, saved_nanousd=1_007, saved_unknown=1)
    assert found.hit_ratio == 0.75
    [routes] = await sync_to_async(cache_by_route)(TENANT, [HOUR])
    assert routes["a/b"] == CacheFigures(exact=1, saved_nanousd=7)
    steps = await sync_to_async(cache_course)(TENANT, axis(HOUR, 900), "a/b")
    assert [step.saved_nanousd for step in steps] == [0, 7, 0, 0]
    assert await sync_to_async(differences)() == []


async def test_a_tenant_that_is_removed_takes_its_hits_out_of_the_platforms(store: EventStore):
    await _write(store, matched(), cache_hit(saved_nanousd=5))
    await _write(store, cache_hit(saved_nanousd=2), tenant_id=OTHER_TENANT)

    def remove() -> None:
        with psycopg.connect(conninfo()) as opened:
            upkeep.remove_tenants(opened, [TENANT])

    await sync_to_async(remove)()
    [left] = await sync_to_async(cache_figures)(PLATFORM, [HOUR])
    assert left == CacheFigures(exact=1, saved_nanousd=2)
    assert await sync_to_async(rule_counts)(PLATFORM, [HOUR]) == [{}]


async def test_what_shadow_found_is_counted_apart_from_lookups(store: EventStore):
    told: dict[str, Any] = {"route": "chat", "key_id": "k", "similarity": 0.9, "confidence": 0.8, "agreement": 0.9}
    right = CacheShadowed(**told, would_hit=True, wrong=False, saved_nanousd=5)
    wrong = CacheShadowed(**told, would_hit=True, wrong=True)
    below = CacheShadowed(**told, would_hit=False, wrong=True)
    await _write(store, cache_missed(route="chat"), right, right, wrong, below)
    assert await sync_to_async(shadow_figures)(TENANT, HOUR, "chat") == ShadowFigures(2, 1, 1, 10)
    assert await sync_to_async(shadow_figures)(TENANT, HOUR, "other") == ShadowFigures()
    [found] = await sync_to_async(cache_figures)(TENANT, [HOUR])
    assert (found.lookups, found.missed, found.saved_nanousd) == (1, 1, 0)
    assert await sync_to_async(differences)() == []


async def test_analytics_are_answered_for_any_stretches_of_time(store: EventStore):
    await _write(store, matched(shadow=True), cache_hit(saved_nanousd=5))
    await _write(store, matched(), cache_missed(), minute=31)
    hour = range(HOUR.start_s * 1000, HOUR.end_s * 1000, 900_000)
    times = [(start, start + 900_000) for start in hour]

    hits = await sync_to_async(rule_hits)(TENANT, times)
    kept = await sync_to_async(kept_answers)(TENANT, times * 20)

    assert [[(one.rule_id, one.shadow, one.count) for one in each] for each in hits] == [
        [("r-1", True, 1)],
        [],
        [("r-1", False, 1)],
        [],
    ]
    assert [sum(one.saved_nanousd for one in each) for each in kept] == [5, 0, 0, 0] * 20
    assert kept[2] == [KeptAnswers(route="default", missed=1)]
    assert await sync_to_async(rule_hits)(OTHER_TENANT, times) == [[], [], [], []]
