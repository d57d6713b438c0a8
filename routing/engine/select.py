"""Which route serves a call: by the name it gave, by what it carries, or by default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contracts.errors import GatewayError, InvalidRequest, ModelNotFound, PermissionDenied
from contracts.specs import KeySpec, PlatformSpec, RouteMatch, RouteSpec, TargetSpec, TenantSpec

_NAMES_SHOWN = 5
_DERIVED_ROUTES = 4_096

DIRECT_MODE = "direct"

_NOT_GIVEN: frozenset[str] = frozenset()
_derived: dict[tuple[int, frozenset[str]], tuple[TargetSpec | RouteSpec, RouteSpec]] = {}
"""Routes made from a target (a model called by name) or narrowed to a key's models, by the identity of their source.

The source is kept beside the result, so that its ``id`` cannot be taken by another object while the entry lives."""


def resolve_route(
    tenant: TenantSpec,
    platform: PlatformSpec,
    key: KeySpec,
    *,
    model: str | None,
    mode: str,
    tags: Mapping[str, str],
    headers: Mapping[str, str],
    known_modes: frozenset[str] = _NOT_GIVEN,
) -> tuple[RouteSpec, str]:
    """The route of a call and why it was chosen (``DecisionMade.route_reason``).

    A ``model`` names, in this order: a tenant route, a platform route, a tenant model, a platform model. Without
    one, the lowest ``order`` among routes whose match holds wins, the tenant's before the platform's, then the
    default routes. The route comes back narrowed to the models that the key may use.

    Raises:
        InvalidRequest: the mode is unknown, or nothing is named and there is no default.
        ModelNotFound: ``model`` names nothing that exists for this tenant.
        PermissionDenied: it exists, but the key may not use it.
    """
    _check_mode(tenant, platform, mode, known_modes)
    if model:
        return _named(tenant, platform, key, model)
    for route in _matching(tenant, platform, mode, tags, headers):
        if route_allowed(key, route) and (fitting := narrowed(route, key)).targets:
            return fitting, "match"
    return _default(tenant, platform, key)


def visible_names(tenant: TenantSpec, platform: PlatformSpec, key: KeySpec) -> Iterator[str]:
    """What this key may put in ``model``: its routes, then its models, each once."""
    seen: set[str] = set()
    for route in (*tenant.routes, *platform.routes):
        if route.name not in seen and route_allowed(key, route):
            seen.add(route.name)
            yield route.name
    for name, target in (*tenant.models.items(), *platform.models.items()):
        if name not in seen and model_allowed(key, target):
            seen.add(name)
            yield name


def _check_mode(tenant: TenantSpec, platform: PlatformSpec, mode: str, known_modes: frozenset[str]) -> None:
    if mode == DIRECT_MODE or mode in known_modes:
        return
    matched = {name for route in (*tenant.routes, *platform.routes) for name in route.match.modes}
    if mode not in matched:
        known = _listed(sorted({DIRECT_MODE, *known_modes, *matched}))
        raise InvalidRequest(f"The mode {mode!r} is unknown; available: {known}.", param="mode")


def _named(tenant: TenantSpec, platform: PlatformSpec, key: KeySpec, name: str) -> tuple[RouteSpec, str]:
    route = find(tenant.routes, name) or find(platform.routes, name)
    if route is not None:
        if not route_allowed(key, route):
            raise _denied(tenant, platform, key, f"This key may not use the route {name!r}")
        return _usable(narrowed(route, key), tenant, platform, key), "model"
    target = tenant.models.get(name) or platform.models.get(name)
    if target is None:
        raise ModelNotFound(
            f"No route and no model is called {name!r}; {_offer(tenant, platform, key)}.", param="model"
        )
    if not model_allowed(key, target):
        raise _denied(tenant, platform, key, f"This key may not use the model {name!r}")
    return _route_to(target), "direct_model"


def _matching(
    tenant: TenantSpec, platform: PlatformSpec, mode: str, tags: Mapping[str, str], headers: Mapping[str, str]
) -> Iterator[RouteSpec]:
    for routes in (tenant.routes, platform.routes):
        holding = [route for route in routes if holds(route.match, mode, tags, headers)]
        yield from sorted(holding, key=lambda route: route.order)


def holds(match: RouteMatch, mode: str, tags: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a call that names no model has all that the route asks for; never where it asks for nothing."""
    if not (match.modes or match.tags or match.headers):
        return False
    if match.modes and mode not in match.modes:
        return False
    return carries(match.tags, tags) and carries(match.headers, headers)


def carries(wanted: tuple[tuple[str, str], ...], given: Mapping[str, str]) -> bool:
    """Whether every wanted pair is among the given ones; an empty value matches any."""
    for name, value in wanted:
        found = given.get(name)
        if found is None or (value and found != value):
            return False
    return True


def _default(tenant: TenantSpec, platform: PlatformSpec, key: KeySpec) -> tuple[RouteSpec, str]:
    for name, reason in ((tenant.default_route, "tenant_default"), (platform.default_route, "platform_default")):
        if name is None:
            continue
        route = (find(tenant.routes, name) if reason == "tenant_default" else None) or find(platform.routes, name)
        if route is None:
            continue
        if not route_allowed(key, route):
            raise _denied(tenant, platform, key, f"This key may not use the default route {name!r}; name a model")
        return _usable(narrowed(route, key), tenant, platform, key), reason
    raise InvalidRequest(
        f"The request names no model and there is no default route; {_offer(tenant, platform, key)}.", param="model"
    )


def find(routes: Iterable[RouteSpec], name: str) -> RouteSpec | None:
    """The route of this name."""
    for route in routes:
        if route.name == name:
            return route
    return None


def route_allowed(key: KeySpec, route: RouteSpec) -> bool:
    """Whether the key may use the route."""
    return not key.allowed_routes or route.name in key.allowed_routes


def model_allowed(key: KeySpec, target: TargetSpec) -> bool:
    """A key that is held to routes calls a model by name only when that model is granted expressly."""
    if not key.allowed_models:
        return not key.allowed_routes
    return _granted(key.allowed_models, target)


def _granted(names: frozenset[str], target: TargetSpec) -> bool:
    return target.model.name in names or target.label in names


def narrowed(route: RouteSpec, key: KeySpec) -> RouteSpec:
    """The route with only the targets that the key may use."""
    if not key.allowed_models:
        return route
    place = (id(route), key.allowed_models)
    found = _derived.get(place)
    if found is not None:
        return found[1]
    targets = tuple(target for target in route.targets if _granted(key.allowed_models, target))
    return _remember(place, route, RouteSpec(**{name: getattr(route, name) for name in _UNCHANGED}, targets=targets))


_UNCHANGED = tuple(name for name in RouteSpec.__struct_fields__ if name != "targets")


def _usable(route: RouteSpec, tenant: TenantSpec, platform: PlatformSpec, key: KeySpec) -> RouteSpec:
    if key.allowed_models and not route.targets:
        raise _denied(tenant, platform, key, f"This key may use none of the models of the route {route.name!r}")
    return route


def _route_to(target: TargetSpec) -> RouteSpec:
    place = (id(target), _NOT_GIVEN)
    found = _derived.get(place)
    if found is not None:
        return found[1]
    return _remember(place, target, RouteSpec(id=f"model:{target.id}", name=target.label, targets=(target,)))


def _remember(place: tuple[int, frozenset[str]], source: TargetSpec | RouteSpec, route: RouteSpec) -> RouteSpec:
    if len(_derived) >= _DERIVED_ROUTES:
        del _derived[next(iter(_derived))]
    _derived[place] = (source, route)
    return route


def _denied(tenant: TenantSpec, platform: PlatformSpec, key: KeySpec, message: str) -> GatewayError:
    return PermissionDenied(f"{message}; {_offer(tenant, platform, key)}.", param="model")


def _offer(tenant: TenantSpec, platform: PlatformSpec, key: KeySpec) -> str:
    names = list(visible_names(tenant, platform, key))
    return f"available: {_listed(names)}" if names else "nothing is available to this key"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
