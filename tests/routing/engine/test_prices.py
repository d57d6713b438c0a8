"""The price in force: changes take effect at their instant, and a tenant's own price comes first."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.specs import PriceSpec, PriceTimeline, RouteSpec
from routing.engine.prices import price_at, priced_route
from tests.routing.engine.spec_factory import target

OLD, NEW, OWN = (PriceSpec(input=n, output=n) for n in (1, 2, 3))


def route(*changes: tuple[int, PriceSpec | None]) -> RouteSpec:
    first = target("a", price=OLD)
    first = msgspec.structs.replace(first, model=msgspec.structs.replace(first.model, price_changes=changes))
    return RouteSpec(id="r", name="r", targets=(first, target("b", price=OLD)))


def prices(found: RouteSpec) -> list[PriceSpec | None]:
    return [each.model.price for each in found.targets]


def test_a_price_changes_at_its_instant_and_not_a_millisecond_sooner():
    line = PriceTimeline(price=OLD, price_changes=((1_000, NEW), (2_000, None)))
    assert [price_at(line, at) for at in (0, 999, 1_000, 1_999, 2_000)] == [OLD, OLD, NEW, NEW, None]


def test_a_route_whose_prices_do_not_differ_is_the_same_object():
    plain, changing = route(), route((1_000, NEW))
    assert priced_route(plain, {}, 5_000) is plain
    assert priced_route(changing, {}, 999) is changing
    assert priced_route(plain, {"elsewhere": PriceTimeline(price=OWN)}, 0) is plain


def test_a_route_has_the_prices_of_the_instant():
    assert prices(priced_route(route((1_000, NEW)), {}, 1_000)) == [NEW, OLD]


def test_a_tenants_own_price_comes_before_the_models_and_its_changes():
    found = route((1_000, NEW))
    model = found.targets[0].model.id
    assert prices(priced_route(found, {model: PriceTimeline(price=OWN)}, 1_000)) == [OWN, OLD]
    assert prices(found) == [OLD, OLD]


def test_a_tenants_price_that_ends_gives_way_to_what_follows():
    found = route()
    model = found.targets[0].model.id
    own = {model: PriceTimeline(price=OWN, price_changes=((1_000, NEW),))}
    assert prices(priced_route(found, own, 1_000)) == [NEW, OLD]


@given(st.lists(st.integers(0, 1_000), unique=True).map(sorted), st.integers(0, 1_000))
def test_the_price_is_that_of_the_last_change_that_came(instants: list[int], now_ms: int):
    line = PriceTimeline(price=OLD, price_changes=tuple((at, PriceSpec(input=at, output=0)) for at in instants))
    came = [at for at in instants if at <= now_ms]
    assert price_at(line, now_ms) == (PriceSpec(input=came[-1], output=0) if came else OLD)
