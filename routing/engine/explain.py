"""Why a call takes its route and no other, by the rules that choose. Never on a call's path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from contracts.specs import KeySpec, PlatformSpec, RouteSpec, TenantSpec
from routing.engine.select import carries, holds, narrowed, route_allowed

CHOSEN = "chosen"


class Considered(msgspec.Struct, frozen=True):
    """One route and why it was chosen or not.

    ``reason`` is ``chosen``, ``not_named``, ``hidden`` (by the tenant's own of this name), ``key`` (the key may not use
    it), ``key_models`` (the key may use none of its models), ``not_matching`` (it has no conditions), ``mode``,
    ``tag`` or ``header`` (``detail`` has what is wanted), or ``lower_order`` (another one that matches comes first).
    """

    route: RouteSpec
    shared: bool
    """Whether it is the platform's."""
    reason: str
    detail: str = ""


def considered(
    tenant: TenantSpec,
    platform: PlatformSpec,
    key: KeySpec,
    *,
    model: str | None,
    mode: str,
    tags: Mapping[str, str],
    headers: Mapping[str, str],
    chosen: str | None,
) -> list[Considered]:
    """Every route of the tenant and the platform, the chosen one (by id) first."""
    found = []
    own = {route.name for route in tenant.routes}
    for shared, route in _all(tenant, platform):
        reason, detail = (
            (CHOSEN, "")
            if route.id == chosen
            else ("hidden", "")
            if shared and route.name in own
            else _named(route, key, model)
            if model
            else _matched(route, key, mode, tags, headers)
        )
        found.append(Considered(route, shared, reason, detail))
    return sorted(found, key=lambda one: one.reason != CHOSEN)


def _all(tenant: TenantSpec, platform: PlatformSpec) -> Iterator[tuple[bool, RouteSpec]]:
    for shared, routes in ((False, tenant.routes), (True, platform.routes)):
        for route in sorted(routes, key=lambda route: route.order):
            yield shared, route


def _named(route: RouteSpec, key: KeySpec, model: str) -> tuple[str, str]:
    if route.name != model:
        return "not_named", ""
    return _refused(route, key)


def _matched(
    route: RouteSpec, key: KeySpec, mode: str, tags: Mapping[str, str], headers: Mapping[str, str]
) -> tuple[str, str]:
    match = route.match
    if not (match.modes or match.tags or match.headers):
        return "not_matching", ""
    if holds(match, mode, tags, headers):
        reason, detail = _refused(route, key)
        return (reason, detail) if reason else ("lower_order", str(route.order))
    if match.modes and mode not in match.modes:
        return "mode", ", ".join(sorted(match.modes))
    missing = _missing(match.tags, tags)
    return ("tag", missing) if missing else ("header", _missing(match.headers, headers))


def _refused(route: RouteSpec, key: KeySpec) -> tuple[str, str]:
    if not route_allowed(key, route):
        return "key", ""
    return ("key_models", "") if key.allowed_models and not narrowed(route, key).targets else ("", "")


def _missing(wanted: Sequence[tuple[str, str]], given: Mapping[str, str]) -> str:
    """The first condition that does not hold."""
    return next((f"{name}: {value or 'any'}" for name, value in wanted if not carries(((name, value),), given)), "")
