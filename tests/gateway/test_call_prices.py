"""Which price a call costs: through the whole pipeline."""

from __future__ import annotations

import time

import msgspec

from contracts.specs import PriceSpec, PriceTimeline, Strategy
from tests.gateway.stand import Stand, json_of, sandbox_target

ONE, TWO = (PriceSpec(input=0, output=0, request=each) for each in (1, 2))
"""Each call costs so much, whatever its tokens."""

MINUTE_MS = 60_000


def now_ms() -> int:
    return int(time.time() * 1000)


async def cost(stand: Stand) -> int | None:
    answer = json_of(await stand.chat())
    nanousd: int | None = answer["cost"]["nanousd"]
    return nanousd


def changing(*changes: tuple[int, PriceSpec | None]) -> Stand:
    target = sandbox_target(price=ONE)
    model = msgspec.structs.replace(target.model, price_changes=changes)
    return Stand(msgspec.structs.replace(target, model=model))


async def test_a_change_of_price_counts_once_its_instant_has_come() -> None:
    assert await cost(changing((now_ms() - MINUTE_MS, TWO))) == 2
    assert await cost(changing((now_ms() + MINUTE_MS, TWO))) == 1


async def test_a_price_that_ends_without_another_is_unknown_and_not_nothing() -> None:
    assert await cost(changing((now_ms() - MINUTE_MS, None))) is None


async def test_a_tenants_own_price_is_what_its_calls_cost() -> None:
    own = {"model-small": PriceTimeline(price=TWO), "model-other": PriceTimeline(price=ONE)}
    assert await cost(Stand(sandbox_target(price=ONE), tenant={"prices": own})) == 2
    assert await cost(Stand(sandbox_target(price=None), tenant={"prices": own})) == 2
    assert await cost(Stand(sandbox_target(price=ONE))) == 1


async def test_the_cheapest_target_is_the_one_that_is_cheapest_for_the_tenant() -> None:
    targets = (sandbox_target("a", price=ONE), sandbox_target("b", price=TWO))
    route = {"strategy": Strategy.LOWEST_COST}
    own = {"model-b": PriceTimeline(price=PriceSpec(input=0, output=0))}
    assert json_of(await Stand(*targets, route=route).chat())["model"] == "a"
    assert json_of(await Stand(*targets, route=route, tenant={"prices": own}).chat())["model"] == "b"
