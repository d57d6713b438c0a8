"""What a million calls in the usage ledger cost to write and to ask about.

``python -m bench.ledger [--rows N]``. Makes a database of its own at the server of ``DATABASE_URL`` (without one: on
an embedded server), fills it through the collector's own statements, checks that every rollup row is the sum of its
calls, times every kind of question, and drops it. Exits with 1 when a question takes 300 ms, spending 20 ms, or
anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations, islice, product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
from django.db.backends.utils import CursorWrapper
from psycopg import sql

ANALYTICS_BAR_MS = 300.0
SPENDING_BAR_MS = 20.0
DAYS = 60
COLLECTED, BATCH = 20_000, 500
TENANT = "0193a000-0000-7000-8000-0000000b0001"
USERS, TEAMS, KEYS, ROUTES, MODELS, FEATURES, OTHER_TENANTS = 10_000, 8, 40, 6, 12, 20, 50
NOW = datetime.now(UTC)
CONNECTED = "-c TimeZone=UTC -c jit=off -c synchronous_commit=off"
PAGE = 1_000

Case = tuple[str, Callable[[], Any], float]


@contextmanager
def database(keep: str = "") -> Iterator[str]:
    """The address of an empty database that is dropped in the end; or of one of this name that stays on the server of
    ``DATABASE_URL``, as an earlier run left it.
    """
    with ExitStack() as stack:
        server = os.environ.get("DATABASE_URL")
        if not server:
            from controlplane.embedded.layout import Layout
            from controlplane.embedded.postgres import EmbeddedPostgres
            from controlplane.embedded.session import running

            layout = Layout(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ledger-"))))
            postgres = EmbeddedPostgres(layout)
            stack.enter_context(running([postgres], layout.logs))
            postgres.ensure_database()
            server = layout.database_url()
        name = keep or f"bench_ledger_{os.getpid()}"
        with psycopg.connect(server, autocommit=True) as connection:
            there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
            if there is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            parts = urlsplit(server)
            # urlunsplit leaves the slashes out where there is no host, as with a socket.
            yield f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
        finally:
            if not keep:
                with psycopg.connect(server, autocommit=True) as connection:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Ledger rows in the order of time; the same ones each time, but for when they happened."""
    rng = Random(20261121)
    step = timedelta(days=DAYS) / count
    return (row(rng, NOW - step * (count - number)) for number in range(count))


def row(rng: Random, at: datetime) -> tuple[Any, ...]:
    """One call; nine in ten are of one tenant."""
    key = rng.randrange(KEYS)
    route = (key + rng.randrange(2)) % ROUTES
    model = (route * 2 + rng.randrange(3)) % MODELS
    tenant = TENANT if rng.random() < 0.9 else f"other-{rng.randrange(OTHER_TENANTS)}"
    failed = rng.random() < 0.02
    cost = None if model == 0 else rng.randrange(10_000_000)
    tokens = (rng.randrange(4_000), rng.randrange(800), rng.randrange(100), 0, rng.randrange(50), 0, 0, 0, 0)
    tags = f'{{"feature": "f{rng.randrange(FEATURES)}", "env": "{rng.choice(("live", "test", "dev"))}"}}'
    return (
        str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        at,
        f"req_{rng.getrandbits(128):032x}",
        tenant,
        f"team-{key % TEAMS}",
        f"key-{key}",
        f"user-{int(USERS * rng.random() ** 2)}",
        f"route-{route}",
        f"provider-{model % 4}",
        f"model-{model}",
        tags,
        "chat",
        "/v1/chat/completions",
        "failed" if failed else "completed",
        "PROVIDER_TIMEOUT" if failed else None,
        *tokens,
        rng.random() < 0.05,
        cost,
        cost is None,
        False,
        rng.randrange(5_000_000),
        rng.randrange(500_000) if rng.random() < 0.5 else None,
        int(rng.random() < 0.02),
        rng.random() < 0.01,
    )


def load(address: str, count: int) -> None:
    """Write the rows: most at once, the youngest in batches of the size that collectors write, through their code."""
    made = rows(count)
    collected = min(COLLECTED, count)
    started = time.perf_counter()
    fill(address, islice(made, count - collected))
    if count > collected:
        sum_up()
        print(f"{count - collected:,} rows written at once in {time.perf_counter() - started:.0f} s", flush=True)
    asyncio.run(collect(address, made))


def fill(address: str, made: Iterable[tuple[Any, ...]]) -> None:
    """Copy into the ledger, and make the series and tags of its rows."""
    from events.collector import partitions
    from events.ledger.records import COLUMNS

    days = [(NOW - timedelta(days=number)).date() for number in range(-1, DAYS + 2)]
    asyncio.run(_with_async(address, lambda other: partitions.create(other, days)))
    names = ", ".join(COLUMNS)
    with psycopg.connect(address, options=CONNECTED) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY events_usage ({names}) FROM STDIN") as copy:
            for one in made:
                copy.write_row(one)
        cursor.execute(
            "INSERT INTO events_usage_series (tenant_id, key_id, team_id, route, provider, model)"
            " SELECT DISTINCT tenant_id, key_id, team_id, route, provider, model FROM events_usage"
        )
        cursor.execute(
            "INSERT INTO events_usage_tag (tenant_id, name, value)"
            " SELECT DISTINCT u.tenant_id, t.key, t.value"
            " FROM events_usage u CROSS JOIN LATERAL jsonb_each_text(u.tags) t"
        )


async def _with_async(address: str, act: Callable[[psycopg.AsyncConnection[Any]], Awaitable[Any]]) -> None:
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True, options=CONNECTED)
    async with connection:
        await act(connection)


def sum_up() -> None:
    """Make the rollups of what was copied: each grain at once, and their indexes afterwards."""
    from django.db import connection, transaction

    from events.ledger.checking import ROLLUPS, gather_calls, sum_up, sums_at
    from events.ledger.measures import MEASURES

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute("SET LOCAL enable_nestloop = off")
        gather_calls(cursor)
        keys = [_without_key(cursor, table) for table in dict.fromkeys(rollup.table for rollup in ROLLUPS)]
        for rollup in ROLLUPS:
            sum_up(cursor, rollup)
            columns = [column for column in rollup.columns if column != "0"]
            parts = ", ".join(["a", "b"][: len(columns)])
            names = ", ".join(MEASURES)
            for grain in rollup.grains:
                cursor.execute(
                    f"INSERT INTO {rollup.table} (tenant_id, grain, start, {', '.join(columns)}, {names})"
                    f" SELECT tenant_id, {grain.value}, start, {parts}, {names}"
                    f" FROM ({sums_at(grain)}) sums (tenant_id, start, a, b, {names}) ORDER BY tenant_id, start"
                )
        for key in keys:
            cursor.execute(key)


def _without_key(cursor: CursorWrapper, table: str) -> str:
    """Drops the primary key; the statement that makes it again."""
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'",
        [table],
    )
    name, definition = cursor.fetchone()
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    return f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"


async def collect(address: str, made: Iterator[tuple[Any, ...]]) -> None:
    """Write through the collector's code."""
    from events.ledger import writing
    from events.ledger.records import UsageBatch

    async def write(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(writing.TEMPORARY)
        await connection.execute("ANALYZE")
        seconds = []
        while chunk := list(islice(made, BATCH)):
            started = time.perf_counter()
            async with connection.transaction():
                await writing.write_rows(connection, UsageBatch(chunk, chunk[0][1], chunk[-1][1], True))
            seconds.append(time.perf_counter() - started)
        rate = BATCH / statistics.median(seconds)
        print(f"{len(seconds)} batches of {BATCH}: {sum(seconds):.0f} s, {rate:,.0f} rows a second", flush=True)
        await connection.execute("VACUUM ANALYZE")

    await _with_async(address, write)


def full_pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every group that can be asked for alone, and every pair, with as many rows as the API gives at once."""
    from contracts.budgets import BudgetWindow
    from contracts.usage import UsageDimension

    groups: list[dict[str, Any]] = [
        *({"group_by": (dimension,)} for dimension in UsageDimension),
        {"group_by_tag": "feature"},
    ]
    pairs: list[dict[str, Any]] = [
        *({"group_by": pair} for pair in combinations(UsageDimension, 2)),
        *(
            {"group_by": (dimension,), "group_by_tag": "feature"}
            for dimension in UsageDimension
            if dimension is not UsageDimension.USER
        ),
    ]
    for windows, asked in ((tuple(BudgetWindow), groups), ((BudgetWindow.DAY, BudgetWindow.TOTAL), pairs)):
        for window, fields in product(windows, asked):
            names = [
                *(each.value for each in fields.get("group_by", ())),
                *(["tag"] if "group_by_tag" in fields else []),
            ]
            yield f"{window.value} by {', '.join(names)}", {"window": window, **fields}


def cases() -> list[Case]:
    """Every kind of question, with its bar in ms."""
    from contracts.budgets import FOR_EVER, BudgetWindow, period_at
    from contracts.ports import SpendQuery
    from contracts.usage import TagFilter, UsageDimension, UsageQuery
    from events.ledger.analytics import usage
    from events.ledger.grains import ceil_quarter, floor_quarter
    from events.ledger.spending import spend
    from events.ledger.statements import statement

    now_ms = int(NOW.timestamp() * 1000)
    found: list[Case] = []

    def ask(name: str, days: int = DAYS, **fields: Any) -> None:
        query = UsageQuery(
            tenant_id=TENANT,
            start_ms=floor_quarter(now_ms - days * 86_400_000),
            end_ms=ceil_quarter(now_ms),
            **fields,
        )
        found.append((name, lambda: usage(query), ANALYTICS_BAR_MS))

    for zone in ("UTC", "Asia/Kolkata"):
        for window in BudgetWindow:
            days = 31 if window is BudgetWindow.HOUR else DAYS
            for dimension in UsageDimension:
                fields: dict[str, Any] = {"window": window, "time_zone": zone, "group_by": (dimension,)}
                ask(f"{zone} {window.value} by {dimension.value}", days, **fields)
            ask(f"{zone} {window.value}", days, window=window, time_zone=zone)
            ask(f"{zone} {window.value} by tag", days, window=window, time_zone=zone, group_by_tag="feature")
            for name, value in ((UsageDimension.USER, "user-7"), (UsageDimension.KEY, "key-7")):
                fields = {"window": window, "time_zone": zone, "filters": ((name, value),)}
                ask(
                    f"{zone} {window.value} of one {name.value} by model",
                    days,
                    **fields,
                    group_by=(UsageDimension.MODEL,),
                )
            tag = TagFilter("feature", "f7")
            ask(
                f"{zone} {window.value} of one tag by team",
                days,
                window=window,
                tag=tag,
                group_by=(UsageDimension.TEAM,),
            )
    everything = tuple(each for each in UsageDimension if each is not UsageDimension.USER)
    ask("total by all but user", group_by=everything, limit=PAGE)
    for label, asked_for in full_pages():
        days = 31 if asked_for["window"] is BudgetWindow.HOUR else DAYS
        ask(f"a full page: {label}", days, **asked_for, limit=PAGE)
    deep = msgspec.json.encode((floor_quarter(now_ms - DAYS * 86_400_000), ("user-9",))).hex()
    ask("total by user, a late page", group_by=(UsageDimension.USER,), after=deep)
    last_month = (NOW.replace(day=1) - timedelta(days=1)).date()
    found.append(
        ("statement", lambda: statement(TENANT, "Asia/Kolkata", last_month.year, last_month.month), ANALYTICS_BAR_MS)
    )
    calls = tuple(f"req_{number:032x}" for number in range(200))
    for level, subject in (("tenant", TENANT), ("team", "team-1"), ("key", "key-7"), ("user", "user-7")):
        for window in BudgetWindow:
            for zone in ("UTC", "Asia/Kolkata"):
                period = period_at(window, zone, now_ms) if window is not BudgetWindow.TOTAL else FOR_EVER
                asked = SpendQuery(tenant_id=TENANT, level=level, subject=subject, period=period, call_ids=())
                found.append((f"spending {level} {window.value} {zone}", partial(spend, asked), SPENDING_BAR_MS))
    asked = SpendQuery(tenant_id=TENANT, level="tenant", subject=TENANT, period=FOR_EVER, call_ids=calls)
    found.append(("spending tenant total, 200 calls in flight", lambda: spend(asked), SPENDING_BAR_MS))
    return found


def timed(ask: Callable[[], Any]) -> tuple[float, float]:
    """Median and worst of three in ms, after one to warm up."""
    ask()
    samples = []
    for _ in range(3):
        started = time.perf_counter()
        ask()
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples), max(samples)


def measure(address: str, count: int) -> bool:
    """Fill, check, time; whether all bars are met."""
    os.environ["DATABASE_URL"] = address
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from events.ledger.checking import differences

    call_command("migrate", verbosity=0, skip_checks=True)
    load(address, count)
    started = time.perf_counter()
    different = differences()
    print(f"rollup rows that differ from the ledger: {len(different)} ({time.perf_counter() - started:.0f} s)")
    good = not different
    figures = [(name, *timed(ask), bar) for name, ask, bar in cases()]
    for name, median, worst, bar in sorted(figures, key=lambda figure: -figure[1] / figure[3]):
        good = good and median < bar
        print(f"{median:8.1f} ms  worst {worst:8.1f}  bar {bar:5.0f}  {name}")
    connections.close_all()
    return good


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with database() as address:
        return 0 if measure(address, given.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
