"""Analytics say exactly what the ledger holds, in the tenant's calendar, of the tenant only."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from contracts.budgets import BudgetWindow
from contracts.errors import InvalidRequest, ServiceUnavailable
from contracts.usage import TagFilter, UsageDimension, UsageFigures, UsageQuery
from events.collector.store import EventStore
from events.ledger import slices
from events.ledger.analytics import DjangoUsageReader, usage
from events.ledger.measures import MEASURES
from tests.events.builders import TENANT, failed
from tests.events.ledger.ledger_tables import bill, call, opened_store, query

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - 5 * DAY


def test_figures_have_the_order_of_the_columns():
    assert UsageFigures.__struct_fields__ == MEASURES


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def ask(**fields: Any) -> UsageQuery:
    return UsageQuery(**{"tenant_id": TENANT, "start_ms": ms(START), "end_ms": ms(TODAY + DAY), **fields})


async def costs(**fields: Any) -> dict[tuple[str | None, ...], int]:
    page = await sync_to_async(usage)(ask(**fields))
    return {row.group: row.figures.cost_nanousd for row in page.rows}


async def test_nothing_is_no_rows_and_a_total_of_zero(store: EventStore):
    page = await sync_to_async(usage)(ask())
    assert (page.rows, page.total.requests, page.next_cursor) == ([], 0, None)


async def test_groups_have_the_sums_of_their_calls(store: EventStore):
    await bill(
        store,
        call(START, 1, model="a", team_id="t1", input_tokens=10, duration_ms=1.5),
        call(START, 2, model="a", output_tokens=5, usage_estimated=True),
        (failed(cost_nanousd=4, key_id="key-2"), START),
        call(START, None, model="b", provider="other", reasoning_tokens=3),
    )
    assert await costs(group_by=(UsageDimension.MODEL,)) == {("a",): 3, ("b",): 0, (None,): 4}
    assert await costs(group_by=(UsageDimension.TEAM,)) == {("t1",): 1, (None,): 6}
    assert await costs(group_by=(UsageDimension.KEY, UsageDimension.PROVIDER)) == {
        ("key-1", "openai"): 3,
        ("key-1", "other"): 0,
        ("key-2", None): 4,
    }
    total = (await sync_to_async(usage)(ask())).total
    assert (total.requests, total.errors, total.cost_nanousd, total.price_unknown, total.estimated) == (4, 1, 7, 1, 1)
    assert (total.input_tokens, total.output_tokens, total.reasoning_tokens) == (10, 5, 3)
    assert total.duration_us == 1_500 + 12_500 + 3_000 + 12_500


async def test_filters_leave_out_the_rest(store: EventStore):
    await bill(
        store,
        call(START, 1, user="ada", key_id="k1", route="r1"),
        call(START, 2, user="ada", key_id="k2", route="r1"),
        call(START, 4, user="grace", key_id="k1", route="r2"),
    )
    assert await costs(filters=((UsageDimension.KEY, "k1"),)) == {(): 5}
    assert await costs(filters=((UsageDimension.USER, "ada"),)) == {(): 3}
    assert await costs(filters=((UsageDimension.USER, "ada"), (UsageDimension.KEY, "k2"))) == {(): 2}
    assert await costs(filters=((UsageDimension.ROUTE, "r1"),), group_by=(UsageDimension.USER,)) == {("ada",): 3}
    assert await costs(filters=((UsageDimension.USER, "nobody"),)) == {}


async def test_calls_without_an_end_user_are_a_group_of_their_own(store: EventStore):
    await bill(store, call(START, 1, user="ada"), call(START, 2))
    assert await costs(group_by=(UsageDimension.USER,)) == {(None,): 2, ("ada",): 1}


async def test_groups_by_tag_hold_those_without_it_too(store: EventStore):
    await bill(
        store,
        call(START, 1, tags={"feature": "search", "env": "live"}),
        call(START, 2, tags={"feature": "chat"}, model="b"),
        call(START, 4, tags={"env": "live"}, model="b"),
        call(START, 8, model="b"),
    )
    assert await costs(group_by_tag="feature") == {("search",): 1, ("chat",): 2, (None,): 12}
    assert await costs(group_by_tag="unheard of") == {(None,): 15}
    assert await costs(tag=TagFilter("env", "live")) == {(): 5}
    assert await costs(tag=TagFilter("feature")) == {(): 3}
    by_both = {("gpt", "search"): 1, ("b", "chat"): 2, ("b", None): 12}
    assert await costs(group_by=(UsageDimension.MODEL,), group_by_tag="feature") == by_both


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"group_by": (UsageDimension.USER,), "group_by_tag": "a"}, "group_by"),
        ({"filters": ((UsageDimension.USER, "ada"),), "tag": TagFilter("a")}, "tag"),
        ({"tag": TagFilter("a"), "group_by_tag": "b"}, "group_by"),
        ({"after": "zz"}, "cursor"),
        ({"after": b'[1,["a"]]'.hex()}, "cursor"),
    ],
)
def test_what_no_rollup_can_answer_is_refused_by_name(fields: dict[str, Any], param: str):
    with pytest.raises(InvalidRequest) as refused:
        usage(ask(**fields))
    assert refused.value.param == param


async def test_another_tenants_calls_are_never_in_the_sums(store: EventStore):
    await bill(store, call(START, 1, user="ada", tags={"a": "b"}))
    await bill(store, call(START, 1_000, user="ada", tags={"a": "b"}), tenant_id="other")
    for fields in (
        {},
        {"group_by": (UsageDimension.USER,)},
        {"filters": ((UsageDimension.USER, "ada"),)},
        {"tag": TagFilter("a", "b")},
        {"group_by_tag": "a"},
    ):
        page = await sync_to_async(usage)(ask(**fields))
        assert (sum(row.figures.cost_nanousd for row in page.rows), page.total.cost_nanousd) == (1, 1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
async def test_buckets_are_exactly_the_ledgers_local_sums(store: EventStore, zone: str):
    rng = Random(3)
    calls = [
        call(START + timedelta(seconds=rng.randrange(5 * 86_400)), 2**number, user=rng.choice([None, "ada"]))
        for number in range(40)
    ]
    await bill(store, *calls)
    for window in (BudgetWindow.HOUR, BudgetWindow.DAY, BudgetWindow.WEEK, BudgetWindow.MONTH):
        for group_by in ((), (UsageDimension.USER,)):
            page = await sync_to_async(usage)(ask(window=window, time_zone=zone, group_by=group_by))
            found = {(_start(row.start_ms), row.group): row.figures.cost_nanousd for row in page.rows}
            assert found == await _local_sums(zone, window, by_user=bool(group_by))
            assert page.total.cost_nanousd == 2**40 - 1


def _start(instant_ms: int) -> datetime:
    return datetime.fromtimestamp(instant_ms / 1000, UTC)


async def _local_sums(zone: str, window: BudgetWindow, *, by_user: bool) -> dict[Any, int]:
    """What PostgreSQL's own calendar makes of the raw rows."""
    rows = await sync_to_async(query)(
        f"SELECT date_trunc('{window.value}', occurred_at, %s), {'end_user' if by_user else 'NULL'}, sum(cost_nanousd)"
        " FROM events_usage GROUP BY 1, 2",
        [zone],
    )
    return {(max(start, START), (user,) if by_user else ()): int(total) for start, user, total in rows}


@pytest.mark.parametrize(
    ("group_by", "tag"),
    [
        ((UsageDimension.USER, UsageDimension.MODEL), None),
        ((UsageDimension.MODEL, UsageDimension.USER), None),
        ((UsageDimension.MODEL,), "feature"),
    ],
    ids=["users first", "users last", "by a tag"],
)
async def test_pages_follow_each_other_without_a_gap(store: EventStore, group_by: Any, tag: str | None):
    rng = Random(5)
    names = ["", "ada", "Ada", "Ünal", "zoë", "=1+1", "b,c"]
    calls = [
        call(
            START + timedelta(hours=rng.randrange(100)),
            1,
            user=rng.choice(names) or None,
            model=rng.choice("ab"),
            tags=rng.choice([{}, {"feature": "x"}, {"feature": "y", "env": "z"}]),
        )
        for _ in range(120)
    ]
    await bill(store, *calls)
    fields = {"window": BudgetWindow.DAY, "group_by": group_by, "group_by_tag": tag}
    whole = await sync_to_async(usage)(ask(**fields))
    rows, cursor = [], None
    while True:
        page = await sync_to_async(usage)(ask(**fields, limit=7, after=cursor))
        assert len(page.rows) <= 7
        assert page.total == whole.total
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert rows == whole.rows
    assert len({(row.start_ms, row.group) for row in rows}) == len(rows)
    assert sum(row.figures.requests for row in rows) == 120


@pytest.mark.parametrize("window", [BudgetWindow.DAY, BudgetWindow.TOTAL])
@pytest.mark.parametrize(
    "fields",
    [
        {"group_by": (UsageDimension.USER,)},
        {"group_by": (UsageDimension.USER, UsageDimension.MODEL)},
        {"group_by": (UsageDimension.MODEL, UsageDimension.USER)},
        {"group_by": (UsageDimension.USER,), "filters": ((UsageDimension.MODEL, "a"),)},
    ],
    ids=["users", "users first", "users last", "of a model"],
)
async def test_pages_cut_into_ranges_of_users_have_every_row_once(
    store: EventStore, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], window: BudgetWindow
):
    monkeypatch.setattr(slices, "FEWEST_CALLS", 2)
    monkeypatch.setattr(slices, "CALLS_PER_ROW", 1)
    monkeypatch.setattr(slices, "IN_FEW_ROWS", 1)
    rng = Random(7)
    users = [None, "ada", "Ada", *(f"user-{number}" for number in range(30))]
    # Of some users, all calls lie at the edges, where nobody is looked for when ranges are made.
    days = {user: rng.choice([(0, 1), (1, 4), (0, 5)]) for user in users}
    await bill(
        store,
        *(
            call(
                START + timedelta(hours=rng.randrange(24 * days[user][0], 24 * days[user][1])),
                2**number,
                user=user,
                model=rng.choice("ab"),
            )
            for number, user in enumerate(rng.choices(users, k=50))
        ),
    )
    edges = {"start_ms": ms(START + timedelta(hours=5)), "end_ms": ms(START + 5 * DAY), "window": window}
    with monkeypatch.context() as whole_at_once:
        whole_at_once.setattr(slices, "FEWEST_CALLS", 1_000)
        whole = await sync_to_async(usage)(ask(**fields, **edges))
    rows, cursor = [], None
    while True:
        page = await sync_to_async(usage)(ask(**fields, **edges, limit=4, after=cursor))
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.rows) == 4
    assert rows == whole.rows
    assert sum(row.figures.cost_nanousd for row in rows) == whole.total.cost_nanousd


def test_the_index_of_what_users_did_by_day_has_every_measure():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'events_usage_days_of_user'::regclass ORDER BY attnum"
        )
        columns = [name for (name,) in cursor.fetchall()]
    assert columns == ["tenant_id", "end_user", "grain", "start", "series_id", *MEASURES]


async def test_the_reader_answers_an_event_loop(store: EventStore):
    await bill(store, call(START, 5))
    reader = DjangoUsageReader(threads=1)
    try:
        assert (await reader.read(ask())).total.cost_nanousd == 5
        with pytest.raises(InvalidRequest):
            await reader.read(ask(after="zz"))
    finally:
        await sync_to_async(_close_of_thread)(reader)


def _close_of_thread(reader: DjangoUsageReader) -> None:
    from django.db import connections

    reader._threads._threads.submit(connections.close_all).result()
    reader.close()


async def test_without_postgresql_it_says_so(monkeypatch: pytest.MonkeyPatch):
    from django.db import OperationalError

    def away(_: UsageQuery) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("events.ledger.analytics.usage", away)
    reader = DjangoUsageReader(threads=1)
    try:
        with pytest.raises(ServiceUnavailable):
            await reader.read(ask())
    finally:
        reader.close()
