"""``routing.yaml``: routes and their targets."""

from __future__ import annotations

from typing import Any

from contracts.specs import BreakerSpec, Strategy
from routing.configuration.located import Located, Section
from routing.configuration.run import Run
from routing.kept_answers import CACHE_FIELDS, CacheMode
from routing.models import Model, Route, Target
from routing.services import TargetChoice, fill_target
from routing.validators import DROPPABLE
from tenants.models import Tenant

_RETRY = ("max_attempts", "per_target", "base_ms", "cap_ms")
_CACHE_NUMBERS = ("ttl_s", "max_entries", "max_mib", "hit_percent", "confidence_percent")
_STRATEGIES = [item.value for item in Strategy]
_RATES = ("failure_rate", "slow_call_rate")


class RoutingFile:
    """A route named here is exactly what the file says, its targets included."""

    name = "routing.yaml"

    def apply(self, top: Section, run: Run) -> None:
        """Create and change routes and targets."""
        routes: list[tuple[Route, Section, bool]] = []
        seen: set[tuple[str, str]] = set()
        for name, entry in top.named("routes"):
            match = entry.section("match")
            tenant, known = run.tenant(match)
            identity = (tenant.slug if tenant else "", name)
            if identity in seen:
                entry.problem(f"route {name} is there twice")
                known = False
            seen.add(identity)
            route = _route(name, tenant)
            _read_match(match, route)
            route.enabled = entry.flag("enabled", default=True)
            route.is_default = entry.flag("default", default=False)
            route.order = entry.whole("order", _default("order"))
            routes.append((route, entry, known))
        top.finish()
        if run.prune:
            _prune(top, run, {route.pk for route, _entry, _known in routes})
        # The old default steps down before the new one steps up: there is never more than one.
        for route, entry, known in sorted(routes, key=lambda item: item[0].is_default):
            _apply_route(route, entry, run, savable=known)

    def remove(self, top: Section, run: Run) -> None:
        """Note what stays; what goes went before the routes were saved, since a default route may be among it."""
        named = []
        for name, entry in top.named("routes"):
            tenant, _known = run.tenant(entry.section("match"))
            named.append(_route(name, tenant).pk)
        if not run.prune:
            for route in Route.objects.exclude(pk__in=named):
                run.keep(route)

    def export(self) -> dict[str, Any]:
        """All routes with their targets."""
        rows = Route.objects.select_related("tenant").prefetch_related("targets__model__provider__tenant")
        ordered = sorted(rows, key=lambda row: (row.tenant.slug if row.tenant else "", row.order, row.name))
        return {"routes": [_route_entry(row) for row in ordered]}


def _route(name: str, tenant: Tenant | None) -> Route:
    found: Route | None = Route.objects.filter(tenant=tenant, name=name).first()
    return found or Route(tenant=tenant, name=name)


def _prune(top: Section, run: Run, named: set[Any]) -> None:
    for route in Route.objects.exclude(pk__in=named):
        run.delete(route, top, "routes")


def _apply_route(route: Route, entry: Section, run: Run, *, savable: bool) -> None:
    policy, constraints = entry.section("policy"), entry.section("constraints")
    places = _read_policy(policy, constraints, route)
    match = entry.section("match")
    places |= {
        "match_modes": (match, "mode"),
        "match_tags": (match, "tags"),
        "match_headers": (match, "headers"),
        "is_default": (entry, "default"),
    }
    choices = _read_targets(policy, route, run)
    constraints.finish()
    policy.finish()
    entry.finish()
    if savable and run.save(route, entry, places):
        _apply_targets(route, choices, policy, run)


def _read_match(match: Section, route: Route) -> None:
    route.match_modes = match.texts("mode")
    route.match_tags = match.pairs("tags")
    route.match_headers = match.pairs("headers")
    match.finish()


def _read_policy(policy: Section, constraints: Section, route: Route) -> dict[str, tuple[Section, str]]:
    """Fill the route; where each of its fields is written."""
    route.strategy = policy.choice("strategy", _STRATEGIES, Strategy.PRIORITY.value)
    route.sticky_by_user = policy.flag("sticky_by_user", default=False)
    route.hedge = policy.flag("hedge", default=False)
    retry = policy.section("retry")
    places = {}
    for name in _RETRY:
        minimum = 1 if name in ("max_attempts", "per_target") else 0
        setattr(route, f"retry_{name}", retry.whole(name, _default(f"retry_{name}"), minimum=minimum))
        places[f"retry_{name}"] = (retry, name)
    retry.finish()
    route.total_timeout_ms = constraints.whole("total_timeout_ms", _default("total_timeout_ms"), minimum=1)
    route.max_latency_ms = constraints.whole("max_latency_ms", minimum=1)
    places |= {name: (constraints, name) for name in ("total_timeout_ms", "max_latency_ms")}
    places |= {name: (policy, name) for name in ("strategy", "sticky_by_user", "hedge")}
    return places | _read_cache(policy.section("cache"), route)


def _read_cache(cache: Section, route: Route) -> dict[str, tuple[Section, str]]:
    route.cache_mode = cache.choice("mode", CacheMode.values, CacheMode.OFF.value)
    route.cache_only_unsampled = cache.flag("only_unsampled", default=False)
    for name in _CACHE_NUMBERS:
        minimum = 0 if name == "hit_percent" else 1
        setattr(route, f"cache_{name}", cache.whole(name, _default(f"cache_{name}"), minimum=minimum))
    cache.finish()
    return {name: (cache, name.removeprefix("cache_")) for name in CACHE_FIELDS}


def _read_targets(policy: Section, route: Route, run: Run) -> list[tuple[TargetChoice, Section]]:
    """The targets, either as ``primary`` and ``fallbacks`` or, with figures of their own, as ``targets``."""
    primary, fallbacks, targets = policy.get("primary"), policy.get("fallbacks"), policy.get("targets")
    if targets is not None and (primary is not None or fallbacks is not None):
        policy.problem("write either primary and fallbacks, or targets", "targets")
    if targets is None and primary is None:
        policy.problem(f"route {route.name} needs a policy with a primary target, or targets")
    ranked = [(primary, 0)] if primary is not None else []
    ranked += [(element, rank) for rank, element in enumerate(_elements(fallbacks), start=1)]
    ranked += [(element, 0) for element in _elements(targets)]
    choices: list[tuple[TargetChoice, Section]] = []
    for element, rank in ranked:
        choice = _read_target(element, rank, route, run, own_priority=targets is not None)
        if choice is None:
            continue
        if any(choice.model.pk == other.model.pk for other, _section in choices):
            element.problem(f"route {route.name} has the target {choice.model} twice")
            continue
        choices.append((choice, Section(element) if element.is_mapping() else policy))
    return choices


def _elements(found: Located | None) -> list[Located]:
    if found is None:
        return []
    if found.is_list():
        return found.elements()
    if found.is_text():
        return [found]
    found.problem(f"{found.name} is a list of targets")
    return []


def _read_target(element: Located, rank: int, route: Route, run: Run, *, own_priority: bool) -> TargetChoice | None:
    if element.is_text():
        model = _find_model(str(element.value), route.tenant, element, run)
        return None if model is None else TargetChoice(model=model, priority=rank)
    if not element.is_mapping():
        element.problem(f"{element.name} is 'provider/model', or a mapping with model")
        return None
    section = Section(element)
    label = section.text("model")
    provider = section.text("provider")
    shared = section.flag("shared", default=False)
    priority = section.whole("priority", 0) if own_priority else rank
    weight = section.whole("weight", 1)
    drop = section.texts("drop_params", sorted(DROPPABLE))
    enabled = section.flag("enabled", default=True)
    breaker = _read_breaker(section.section("breaker"))
    section.finish()
    if not label:
        section.problem(f"{element.name} needs a model, written as provider/model")
        return None
    owner = None if shared else route.tenant
    model = _find_model(f"{provider}/{label}" if provider else label, owner, element, run)
    if model is None:
        return None
    return TargetChoice(
        model=model, priority=priority, weight=weight, drop_params=tuple(drop), enabled=enabled, breaker=breaker
    )


def _read_breaker(section: Section) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    for name in BreakerSpec.__struct_fields__:
        if name in _RATES:
            value = section.number(name, minimum=0.01, maximum=1.0)
        elif name == "open_s":
            value = section.number(name, minimum=0.1)
        else:
            value = section.whole(name, minimum=0 if name == "slow_call_ms" else 1)
        if value is not None:
            figures[name] = value
    section.finish()
    return figures


def _find_model(label: str, owner: Tenant | None, place: Located, run: Run) -> Model | None:
    """``provider/model``, at the tenant's own provider before the platform's."""
    provider, slash, name = label.partition("/")
    if not slash or not name:
        place.problem(f"{label!r} names no target; write provider/model")
        return None
    found = Model.objects.select_related("provider").filter(provider__name=provider, name=name)
    model = found.filter(provider__tenant=owner).first() or found.filter(provider__tenant=None).first()
    if model is None and not run.has_failed("provider", provider) and not run.has_failed("model", label):
        place.problem(f"there is no model {label!r}, neither in providers.yaml nor in the database")
    return model


def _apply_targets(route: Route, choices: list[tuple[TargetChoice, Section]], policy: Section, run: Run) -> None:
    present = {target.model_id: target for target in route.targets.select_related("model__provider", "route")}
    wanted = {choice.model.pk for choice, _section in choices}
    for model_id, target in present.items():
        if model_id not in wanted:
            run.delete(target, policy)
    for choice, section in choices:
        target = present.get(choice.model.pk) or Target(route=route, model=choice.model)
        if fill_target(target, choice):
            run.save(target, section)


def _route_entry(row: Route) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": row.name, "enabled": row.enabled, "order": row.order}
    if row.is_default:
        entry["default"] = True
    match: dict[str, Any] = {}
    if row.tenant is not None:
        match["tenant"] = row.tenant.slug
    if row.match_modes:
        match["mode"] = row.match_modes[0] if len(row.match_modes) == 1 else list(row.match_modes)
    for name, pairs in (("tags", row.match_tags), ("headers", row.match_headers)):
        if pairs:
            match[name] = dict(sorted(pairs.items()))
    if match:
        entry["match"] = match
    entry["policy"] = _policy_entry(row)
    constraints: dict[str, Any] = {}
    if row.max_latency_ms is not None:
        constraints["max_latency_ms"] = row.max_latency_ms
    if row.total_timeout_ms != _default("total_timeout_ms"):
        constraints["total_timeout_ms"] = row.total_timeout_ms
    if constraints:
        entry["constraints"] = constraints
    return entry


def _policy_entry(row: Route) -> dict[str, Any]:
    policy: dict[str, Any] = {"strategy": row.strategy}
    targets = sorted(row.targets.all(), key=lambda target: (target.priority, -target.weight, target.pk))
    if [target.priority for target in targets] == list(range(len(targets))) and targets:
        policy["primary"] = _target_entry(targets[0], row)
        if len(targets) > 1:
            policy["fallbacks"] = [_target_entry(target, row) for target in targets[1:]]
    else:
        policy["targets"] = [_target_entry(target, row, with_priority=True) for target in targets]
    for name in ("sticky_by_user", "hedge"):
        if getattr(row, name):
            policy[name] = True
    retry = {
        name: getattr(row, f"retry_{name}")
        for name in _RETRY
        if getattr(row, f"retry_{name}") != _default(f"retry_{name}")
    }
    if retry:
        policy["retry"] = retry
    cache = {
        name.removeprefix("cache_"): getattr(row, name) for name in CACHE_FIELDS if getattr(row, name) != _default(name)
    }
    if cache:
        policy["cache"] = cache
    return policy


def _target_entry(target: Target, route: Route, *, with_priority: bool = False) -> Any:
    entry: dict[str, Any] = {"model": str(target.model)}
    if _is_hidden(target, route):
        entry["shared"] = True
    if with_priority:
        entry["priority"] = target.priority
    if with_priority or target.weight != 1:
        entry["weight"] = target.weight
    if target.drop_params:
        entry["drop_params"] = list(target.drop_params)
    if not target.enabled:
        entry["enabled"] = False
    breaker = {name: getattr(target, f"breaker_{name}") for name in BreakerSpec.__struct_fields__}
    figures = {name: value for name, value in breaker.items() if value is not None}
    if figures:
        entry["breaker"] = figures
    return entry["model"] if list(entry) == ["model"] else entry


def _is_hidden(target: Target, route: Route) -> bool:
    """Whether the plain name would mean a model of the tenant's own, because its provider has the same name."""
    if route.tenant_id is None or target.model.provider.tenant_id is not None:
        return False
    same = Model.objects.filter(name=target.model.name, provider__name=target.model.provider.name)
    return bool(same.filter(provider__tenant=route.tenant_id).exists())


def _default(field: str) -> Any:
    found: Any = Route._meta.get_field(field)
    return found.get_default()
