"""The course of a few chosen groups is what analytics say of each alone."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from asgiref.sync import sync_to_async

from contracts.budgets import BudgetWindow
from contracts.usage import UsageDimension, UsageFigures, UsageQuery
from events.collector.store import EventStore
from events.ledger.analytics import usage
from events.ledger.courses import courses
from tests.events.builders import TENANT
from tests.events.ledger.ledger_tables import bill, call, opened_store

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - 5 * DAY
QUESTION = UsageQuery(
    tenant_id=TENANT,
    start_ms=int(START.timestamp() * 1000),
    end_ms=int((TODAY + DAY).timestamp() * 1000),
    time_zone="Europe/Berlin",
    window=BudgetWindow.DAY,
)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def of_each(query: UsageQuery, values: Sequence[str]) -> dict[str, dict[int, UsageFigures]]:
    found: dict[str, dict[int, UsageFigures]] = {}
    for row in usage(query).rows:
        if row.group[0] in values:
            found.setdefault(str(row.group[0]), {})[row.start_ms] = row.figures
    return found


@pytest.mark.parametrize(
    "groups",
    [
        {"group_by": (UsageDimension.USER,)},
        {"group_by": (UsageDimension.USER,), "filters": ((UsageDimension.MODEL, "a"),)},
        {"group_by": (UsageDimension.KEY,)},
        {"group_by": (UsageDimension.MODEL,), "filters": ((UsageDimension.KEY, "k1"),)},
        {"group_by_tag": "feature"},
        {"group_by_tag": "feature", "filters": ((UsageDimension.MODEL, "a"),)},
    ],
    ids=["user", "user of a model", "key", "model of a key", "tag", "tag of a model"],
)
async def test_the_chosen_groups_have_the_figures_that_analytics_have(store: EventStore, groups: dict[str, object]):
    # Each value stands for a user, a key, a model and a tag alike; days that lie apart are summed up in several grains.
    await bill(
        store,
        *(
            call(
                START + days * DAY + timedelta(hours=7),
                cost,
                user=f"u{cost % 3}",
                key_id=f"k{cost % 2}",
                model="ab"[cost % 2],
                tags={"feature": f"f{cost % 3}"} if cost % 4 else {},
            )
            for cost, days in enumerate([0, 0, 1, 1, 1, 2, 4, 4, 5], start=1)
        ),
        call(START, 100),
    )
    query = msgspec.structs.replace(QUESTION, **groups)
    chosen = ["u1", "u2", "k1", "a", "b", "f0", "f1", "nobody"]

    found = await sync_to_async(courses)(query, chosen)

    assert found == await sync_to_async(of_each)(query, chosen)
    assert found
