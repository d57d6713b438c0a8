"""What gateways are told of prices to come is what the prices themselves say."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import published_prices
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


UNKNOWN = ("sandbox", "sandbox://", "nobody-sells-this")
PUBLISHED = ("anthropic", "https://api.anthropic.com", "claude-sonnet-4-0")


def model(rows: list[ModelPrice], sold: tuple[str, str, str] = UNKNOWN) -> Any:
    kind, base_url, wire_name = sold
    provider = SimpleNamespace(kind=kind, base_url=base_url)
    return SimpleNamespace(prices=SimpleNamespace(all=lambda: rows), provider=provider, wire_name=wire_name, name="")


hours = st.lists(st.integers(0, 100), unique=True, max_size=7).map(sorted)


@settings(deadline=None)
@given(hours, hours, st.integers(0, 100), st.integers(0, 100), st.sampled_from([UNKNOWN, PUBLISHED]))
def test_at_every_later_instant_the_timeline_has_the_price_in_force(
    everybodys: list[int], own: list[int], now: int, ahead: int, sold: tuple[str, str, str]
):
    history = PriceHistory(model(spans(everybodys, None) + spans(own, TENANT), sold), TENANT)
    start = EPOCH + timedelta(hours=now)
    then = start + timedelta(hours=ahead)
    timeline = history.timeline(start)
    assert price_at(timeline, round(then.timestamp() * 1000)) == history.at(then)
    assert [at for at, _price in timeline.price_changes] == sorted({at for at, _price in timeline.price_changes})


def test_published_prices_are_opened_only_where_the_models_own_leave_a_gap(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def find(kind: str, base_url: str, wire_name: str) -> None:
        asked.append(wire_name)

    monkeypatch.setattr(published_prices, "_find", find)
    covered = PriceHistory(model(spans([0, 10], None) + spans([10], TENANT)), TENANT)
    covered.timeline(EPOCH + timedelta(hours=1))
    covered.between(EPOCH, EPOCH + timedelta(hours=50))
    assert asked == []
    PriceHistory(model(spans([0, 10], None) + spans([11], TENANT)), TENANT).timeline(EPOCH + timedelta(hours=1))
    assert asked == ["nobody-sells-this"]


def test_opening_the_product_does_not_open_the_published_prices():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'controlplane.settings'; import django; django.setup();"
        "print(sorted({'genai_prices', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
