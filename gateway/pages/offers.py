"""What a person may name as ``model`` in a call from a page: routes and models with prices and abilities."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import msgspec

from console.formats import money, short
from contracts.specs import Capability, PlatformSpec, PriceSpec, RouteSpec, Strategy, TargetSpec, TenantSpec
from gateway.process import running
from routing.engine.prices import priced_route
from tenants.models import Tenant

ROUTE, MODEL = "route", "model"
_ORDER_WORDS = {
    Strategy.PRIORITY: "first that works of",
    Strategy.WEIGHTED: "split over",
    Strategy.LEAST_LATENCY: "fastest of",
    Strategy.LOWEST_COST: "cheapest of",
    Strategy.LEAST_BUSY: "least busy of",
}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One name, with what to know before choosing it."""

    name: str
    kind: str
    """``route`` or ``model``."""
    leads_to: str
    """In words: ``first that works of sandbox/small, sandbox/large``."""
    price: str
    """Of a million tokens, such as ``$0.15 in, $0.60 out per 1M tokens``; of a route with several prices, the range."""
    capabilities: tuple[str, ...]
    """What at least one target can do."""
    context_window: str
    default: bool = False


def offers_of(tenant: Tenant) -> list[Offer]:
    """For chat, the tenant's default first, then routes, then models; empty where nothing is set up.

    Raises:
        ServiceUnavailable: the configuration cannot be read.
    """
    process = running()
    own, platform = process.run(process.runtime.specs_for(str(tenant.pk)))
    if own is None:
        return []
    found = [*_routes(own, platform), *_models(own, platform)]
    return sorted(found, key=lambda offer: not offer.default)


def _routes(own: TenantSpec, platform: PlatformSpec) -> Iterator[Offer]:
    seen: set[str] = set()
    default = own.default_route or platform.default_route
    for route in (*own.routes, *platform.routes):
        if route.name in seen or not _can_chat(route.targets):
            continue
        seen.add(route.name)
        yield _offer(_priced(route, own), route.name, ROUTE, default=route.name == default)


def _models(own: TenantSpec, platform: PlatformSpec) -> Iterator[Offer]:
    seen: set[str] = set()
    # A model has two names, its own and that with its provider; the first is there unless another took it.
    for name, target in (*own.models.items(), *platform.models.items()):
        if target.id in seen or not _can_chat((target,)):
            continue
        seen.add(target.id)
        yield _offer(_priced(RouteSpec(id="", name=name, targets=(target,)), own), name, MODEL)


def _offer(route: RouteSpec, name: str, kind: str, *, default: bool = False) -> Offer:
    labels = [target.label for target in route.targets]
    words = _ORDER_WORDS[route.strategy] + " " if len(labels) > 1 else ""
    abilities = {str(ability) for target in route.targets for ability in target.model.capabilities}
    windows = [window for target in route.targets if (window := target.model.context_window)]
    return Offer(
        name=name,
        kind=kind,
        leads_to=words + ", ".join(labels),
        price=_price_words([target.model.price for target in route.targets]),
        capabilities=tuple(sorted(abilities - {Capability.CHAT, Capability.EMBEDDINGS})),
        context_window=f"{short(min(windows))} tokens" if windows else "",
        default=default,
    )


def _price_words(prices: Iterable[PriceSpec | None]) -> str:
    known = [price for price in prices if price is not None]
    if not known:
        return "Price unknown"
    cost = [_range([getattr(price, kind) for price in known]) for kind in ("input", "output")]
    return f"{cost[0]} in, {cost[1]} out per 1M tokens"


def _range(amounts: list[int]) -> str:
    low, high = min(amounts), max(amounts)
    return _amount(low) if low == high else f"{_amount(low)} to {_amount(high)}"


def _amount(nano_usd: int) -> str:
    """As price lists have it: cents, and further digits only where there are any."""
    whole, _, cents = money(nano_usd).partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}" if cents else whole


def _can_chat(targets: Iterable[TargetSpec]) -> bool:
    return any(Capability.CHAT in target.model.capabilities for target in targets)


def _priced(route: RouteSpec, own: TenantSpec) -> RouteSpec:
    return priced_route(route, own.prices, int(time.time() * 1000))
