"""Spending is exactly what the ledger holds, with the calls that are in it, as of one instant."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections

from contracts.budgets import FOR_EVER, BudgetWindow, Period, period_at
from contracts.errors import ServiceUnavailable
from contracts.ports import Spend, SpendQuery
from events.collector.store import EventStore
from events.ledger.spending import DjangoSpendReader, spend
from tests.events.builders import TENANT
from tests.events.ledger.ledger_tables import bill, call, opened_store, query

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
START = NOW - timedelta(days=3)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


async def spent(level: str, subject: str, period: Period = FOR_EVER, *call_ids: str) -> Spend:
    asked = SpendQuery(tenant_id=TENANT, level=level, subject=subject, period=period, call_ids=call_ids)
    return await sync_to_async(spend)(asked)


async def test_each_level_has_its_own_calls(store: EventStore):
    await bill(store, call(NOW, 1, team_id="t1", key_id="k1", user="ada"), call(NOW, 2, key_id="k2", user="ada"))
    await bill(store, call(NOW, 4, team_id="t1", key_id="k2"), call(NOW, None, key_id="k2"))
    await bill(store, call(NOW, 1_000, team_id="t1", key_id="k1", user="ada"), tenant_id="other")
    assert (await spent("tenant", TENANT)).nanousd == 7
    assert (await spent("team", "t1")).nanousd == 5
    assert (await spent("key", "k2")).nanousd == 6
    assert (await spent("user", "ada")).nanousd == 3
    assert (await spent("user", "nobody")).nanousd == 0


async def test_keys_that_followed_each_other_are_summed_together(store: EventStore):
    old = NOW - timedelta(hours=3)
    await bill(store, call(old, 1, key_id="k1"), call(old, 2, key_id="k2"), call(NOW, 4, key_id="k1"))
    await bill(store, call(NOW, 8, key_id="k2"), call(NOW, 16, key_id="k3"))
    reader = DjangoSpendReader(keys_of_account=lambda tenant_id, account: ["k1", "k2"] if account == "k1" else [])
    try:
        for level, subject, expected in (("key", "k1", 15), ("key", "k3", 16), ("tenant", TENANT, 31)):
            asked = SpendQuery(tenant_id=TENANT, level=level, subject=subject, period=FOR_EVER)
            assert (await reader.read(asked)).nanousd == expected
    finally:
        reader.close()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"])
async def test_every_window_of_every_zone_is_summed_exactly(store: EventStore, zone: str):
    rng = Random(11)
    calls = [call(START + timedelta(seconds=rng.randrange(3 * 86_400)), 2**number, user="ada") for number in range(40)]
    await bill(store, *calls)
    for window in BudgetWindow:
        for _ in range(5):
            period = period_at(window, zone, ms(START) + rng.randrange(3 * 86_400_000))
            [(expected,)] = await sync_to_async(query)(
                "SELECT COALESCE(sum(cost_nanousd), 0) FROM events_usage"
                " WHERE extract(epoch FROM occurred_at) * 1000 >= %s AND extract(epoch FROM occurred_at) * 1000 < %s",
                [period.start_ms, period.end_ms],
            )
            for level, subject in (("tenant", TENANT), ("key", "key-1"), ("user", "ada")):
                assert (await spent(level, subject, period)).nanousd == expected


@pytest.mark.parametrize("level", ["tenant", "key", "user"])
async def test_periods_that_begin_within_a_quarter_of_an_hour_are_exact_too(store: EventStore, level: str):
    begin = START.replace(minute=0, second=0, microsecond=0)
    offsets = (0, 59_999, 60_000, 899_999, 900_000, 3_599_999, 3_600_000)
    await bill(store, *(call(begin + timedelta(milliseconds=at), 10**n, user="ada") for n, at in enumerate(offsets)))
    subject = {"tenant": TENANT, "key": "key-1", "user": "ada"}[level]
    start = ms(begin)
    for first, last, expected in (
        (60_000, 3_600_000, 111_100),
        (60_000, 60_001, 100),
        (60_001, 899_999, 0),
        (59_999, 3_600_001, 1_111_110),
        (900_000, 900_000, 0),
    ):
        assert (await spent(level, subject, Period(start + first, start + last))).nanousd == expected


async def test_recorded_are_the_calls_that_the_ledger_has(store: EventStore):
    mine = await bill(store, call(NOW), call(NOW))
    other = await bill(store, call(NOW), tenant_id="other")
    answer = await spent("tenant", TENANT, FOR_EVER, *mine, *other, "req_0", "nul-free")
    assert answer.recorded == frozenset(mine)
    assert (await spent("tenant", TENANT, FOR_EVER, *mine)).recorded == frozenset(mine)
    assert (await spent("tenant", TENANT)).recorded == frozenset()


async def test_a_call_is_recorded_also_when_it_ended_in_another_period(store: EventStore):
    [call_id] = await bill(store, call(NOW, 5))
    earlier = Period(ms(NOW) - 7_200_000, ms(NOW) - 3_600_000)
    answer = await spent("tenant", TENANT, earlier, call_id)
    assert (answer.nanousd, answer.recorded) == (0, frozenset([call_id]))


async def test_of_two_answers_the_smaller_number_saw_less(store: EventStore):
    answers = [await spent("tenant", TENANT)]
    for _ in range(4):
        await bill(store, call(NOW, 1))
        answers.append(await spent("tenant", TENANT))
    assert [answer.nanousd for answer in answers] == [0, 1, 2, 3, 4]
    numbers = [answer.as_of for answer in answers]
    assert numbers == sorted(set(numbers))


async def test_the_sum_and_the_recorded_calls_agree_while_collectors_write(store: EventStore):
    reader = DjangoSpendReader(threads=3)
    ids: list[str] = []
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(25):
            ids.extend(await bill(store, call(NOW, 1), call(NOW, 1)))
        done.set()

    async def watch() -> list[Spend]:
        seen = []
        while not done.is_set():
            asked = SpendQuery(tenant_id=TENANT, level="tenant", subject=TENANT, period=FOR_EVER, call_ids=tuple(ids))
            known = len(ids)
            answer = await reader.read(asked)
            # All that was written before the question is in the answer; what is recorded is in the sum.
            assert len(answer.recorded) == known
            assert answer.nanousd >= known
            seen.append(answer)
        return seen

    try:
        _, *seen = await asyncio.gather(write(), watch(), watch())
    finally:
        for _ in range(3):
            reader._threads._threads.submit(connections.close_all)
        reader.close()
    by_number = sorted((answer.as_of, answer.nanousd) for answers in seen for answer in answers)
    assert [nanousd for _, nanousd in by_number] == sorted(nanousd for _, nanousd in by_number)


async def test_without_postgresql_it_says_so(monkeypatch: pytest.MonkeyPatch):
    def away(_: SpendQuery) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("events.ledger.spending.spend", away)
    reader = DjangoSpendReader(threads=1)
    try:
        with pytest.raises(ServiceUnavailable):
            await reader.read(SpendQuery(tenant_id=TENANT, level="tenant", subject=TENANT, period=FOR_EVER))
    finally:
        reader.close()
