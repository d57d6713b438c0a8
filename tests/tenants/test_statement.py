"""``manage.py statement``: a tenant's month in its own calendar, to the nano-dollar."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from contracts.cells import exact_usd
from events.collector.store import EventStore
from events.ledger.statements import statement
from tenants.services import create_key, create_tenant
from tests.events.ledger.ledger_tables import bill, call, opened_store

pytestmark = pytest.mark.django_db(transaction=True)

MONTH = (datetime.now(UTC).replace(day=1) - timedelta(days=2)).strftime("%Y-%m")
FIRST = datetime.fromisoformat(f"{MONTH}-01T00:00:00+05:30")
MIDDLE = FIRST + timedelta(days=14)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


async def printed(*arguments: str) -> str:
    out = io.StringIO()
    await sync_to_async(call_command)("statement", *arguments, stdout=out)
    return out.getvalue()


async def filled(store: EventStore) -> str:
    """A tenant of India with four calls, one of them of the month before; its key's id."""
    tenant = await sync_to_async(create_tenant)(slug="acme", name="Acme", time_zone="Asia/Kolkata")
    key, _ = await sync_to_async(create_key)(tenant=tenant, name="Checkout")
    await bill(
        store,
        call(MIDDLE, 1_500_000_001, key_id=str(key.pk), provider="=openai", input_tokens=10),
        call(MIDDLE, None, key_id="gone", model="new"),
        call(FIRST, 2, key_id="gone"),
        call(FIRST - timedelta(microseconds=1), 1_000_000, key_id="gone"),
        tenant_id=str(tenant.pk),
    )
    await bill(store, call(MIDDLE, 7), tenant_id=str(uuid4()))
    return str(key.pk)


async def test_json_has_every_sum_and_the_names(store: EventStore):
    key_id = await filled(store)
    made = msgspec.json.decode(await printed("acme", MONTH, "--format", "json"))
    assert (made["month"], made["time_zone"], made["closed"]) == (MONTH, "Asia/Kolkata", True)
    assert (made["total"]["requests"], made["total"]["cost_nanousd"]) == (3, 1_500_000_003)
    assert made["total"]["cost_usd"] == "1.500000003"
    assert {line["name"]: line["cost_nanousd"] for line in made["by_model"]} == {
        "=openai/gpt": 1_500_000_001,
        "openai/gpt": 2,
        "openai/new": 0,
    }
    assert made["price_unknown"] == [{"name": "openai/new", "requests": 1}]
    [checkout] = [line for line in made["by_key"] if line["group"] == [None, key_id]]
    assert checkout["name"].startswith("-/Checkout (")
    for lines in (made["by_model"], made["by_team"], made["by_key"]):
        assert sum(line["cost_nanousd"] for line in lines) == 1_500_000_003


async def test_csv_can_be_opened_without_running_anything(store: EventStore):
    await filled(store)
    rows = list(csv.DictReader(io.StringIO(await printed("acme", MONTH, "--format", "csv"))))
    assert [row["cost_usd"] for row in rows if row["by"] == "total"] == ["1.500000003"]
    assert "'=openai/gpt" in {row["name"] for row in rows}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


async def test_text_is_for_people_and_names_what_has_no_price(store: EventStore):
    await filled(store)
    text = await printed("acme", MONTH)
    assert f"Statement {MONTH}, tenant acme (months of Asia/Kolkata)" in text
    assert "1.500000003" in text
    assert "openai/new: 1" in text


async def test_a_month_under_way_says_so(store: EventStore):
    await filled(store)
    assert "The month is not over" in await printed("acme", datetime.now(UTC).strftime("%Y-%m"))


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "october", "0000-01", "9999-12"])
async def test_what_is_no_month_is_refused(store: EventStore, month: str):
    await sync_to_async(create_tenant)(slug="acme", name="Acme")
    with pytest.raises(CommandError, match="is no month"):
        await printed("acme", month)


async def test_an_unknown_tenant_is_refused(store: EventStore):
    with pytest.raises(CommandError, match="no tenant"):
        await printed("nobody", MONTH)


def test_a_year_of_months_touches(store: EventStore):
    months = [statement("t", "America/Havana", 2026, month, now_ms=0) for month in range(1, 13)]
    ends = [each.end_ms for each in months]
    assert ends[:-1] == [each.start_ms for each in months[1:]]
    assert not any(each.closed for each in months)


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [(0, "0.000000000"), (1, "0.000000001"), (-1_500_000_000, "-1.500000000"), (10**18, "1000000000.000000000")],
)
def test_dollars_are_exact(nanousd: int, text: str):
    assert exact_usd(nanousd) == text
