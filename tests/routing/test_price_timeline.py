"""What gateways are told of prices to come is what the prices themselves say."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.prices import price_at
from routing.models import ModelPrice
from routing.prices import PriceHistory

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = UUID(int=1)


def hour(number: int | None) -> datetime | None:
    return None if number is None else EPOCH + timedelta(hours=number)


def spans(hours: list[int], tenant: UUID | None) -> list[ModelPrice]:
    """Prices between every other pair of the hours; the last one without an end where the number is odd."""
    rows = []
    for start, end in zip(hours[::2], [*hours[1::2], *([None] if len(hours) % 2 else [])], strict=True):
        number = start + (1_000 if tenant else 0)
        rows.append(ModelPrice(tenant_id=tenant, valid_from=hour(start), valid_until=hour(end), input=number, output=0))
    return rows


def model(rows: list[ModelPrice]) -> Any:
    provider = SimpleNamespace(kind="sandbox", base_url="sandbox://")
    return SimpleNamespace(
        prices=SimpleNamespace(all=lambda: rows), provider=provider, wire_name="nobody-sells-this", name=""
    )


hours = st.lists(st.integers(0, 100), unique=True, max_size=7).map(sorted)


@settings(deadline=None)
@given(hours, hours, st.integers(0, 100), st.integers(0, 100))
def test_at_every_later_instant_the_timeline_has_the_price_in_force(
    everybodys: list[int], own: list[int], now: int, ahead: int
):
    history = PriceHistory(model(spans(everybodys, None) + spans(own, TENANT)), TENANT)
    start = EPOCH + timedelta(hours=now)
    then = start + timedelta(hours=ahead)
    timeline = history.timeline(start)
    assert price_at(timeline, round(then.timestamp() * 1000)) == history.at(then)
    assert [at for at, _price in timeline.price_changes] == sorted({at for at, _price in timeline.price_changes})
