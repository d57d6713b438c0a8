"""Which price holds for a call: prices change at given instants, and a tenant may have its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from contracts.specs import ModelSpec, PriceSpec, PriceTimeline, RouteSpec, TargetSpec


def price_at(priced: ModelSpec | PriceTimeline, now_ms: int) -> PriceSpec | None:
    """The price at that instant (Unix ms); None when it is unknown.

    Before the first change that is the present price: what was before that is not kept in specs.
    """
    price = priced.price
    for from_ms, changed in priced.price_changes:
        if from_ms > now_ms:
            break
        price = changed
    return price


def priced_route(route: RouteSpec, own: Mapping[str, PriceTimeline], now_ms: int) -> RouteSpec:
    """The route with every model's price as it is for this tenant at this instant.

    ``own`` are the tenant's prices (``TenantSpec.prices``). What comes back is ``route`` itself where nothing differs,
    which is nearly always, so that calls pay for no more than the look at each target. A call keeps the price of the
    instant at which it is planned.
    """
    if not own:
        for target in route.targets:
            if target.model.price_changes:
                break
        else:
            return route
    targets = tuple(_priced(target, own, now_ms) for target in route.targets)
    if all(new is old for new, old in zip(targets, route.targets, strict=True)):
        return route
    return msgspec.structs.replace(route, targets=targets)


def _priced(target: TargetSpec, own: Mapping[str, PriceTimeline], now_ms: int) -> TargetSpec:
    model = target.model
    price = price_at(own.get(model.id, model), now_ms)
    if price == model.price:
        return target
    return msgspec.structs.replace(target, model=msgspec.structs.replace(model, price=price))
