from __future__ import annotations

import pytest

from contracts.errors import InvalidRequest, ModelNotFound, PermissionDenied
from contracts.specs import KeySpec, PlatformSpec, RouteMatch, RouteSpec, TenantSpec
from routing.engine.select import resolve_route, visible_names
from tests.routing.engine.spec_factory import target

A, B = target("a"), target("b")


def named(name: str, *targets: object, **fields: object) -> RouteSpec:
    return RouteSpec(id=f"route-{name}", name=name, targets=targets or (A, B), **fields)  # type: ignore[arg-type]


def key(**fields: object) -> KeySpec:
    return KeySpec(id="key", tenant_id="tenant", **fields)  # type: ignore[arg-type]


def resolve(
    tenant: TenantSpec,
    platform: PlatformSpec | None = None,
    *,
    key_: KeySpec | None = None,
    model: str | None = None,
    mode: str = "direct",
    tags: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[str, str]:
    route, reason = resolve_route(
        tenant,
        platform or PlatformSpec(),
        key_ or key(),
        model=model,
        mode=mode,
        tags=tags or {},
        headers=headers or {},
    )
    return route.name, reason


def tenant(*routes: RouteSpec, **fields: object) -> TenantSpec:
    return TenantSpec(id="tenant", slug="t", routes=routes, **fields)  # type: ignore[arg-type]


def test_a_route_is_found_by_name_the_tenants_before_the_platforms():
    platform = PlatformSpec(routes=(named("fast", A), named("shared")))
    assert resolve(tenant(named("fast")), platform, model="fast") == ("fast", "model")
    assert resolve(tenant(), platform, model="shared") == ("shared", "model")


@pytest.mark.parametrize("name", ["m", "a/m"])
def test_a_model_is_found_by_its_names(name: str):
    assert resolve(tenant(), PlatformSpec(models={"m": A, "a/m": A}), model=name) == ("a/m", "direct_model")


def test_a_name_that_means_nothing_is_told_with_what_there_is():
    with pytest.raises(ModelNotFound, match="'fast'"):
        resolve(tenant(named("fast")), model="slow")


def test_without_a_name_the_lowest_order_that_matches_wins():
    late = named("late", match=RouteMatch(modes=frozenset({"rag"})), order=200)
    early = named("early", match=RouteMatch(modes=frozenset({"rag"})), order=10)
    assert resolve(tenant(late, early), mode="rag") == ("early", "match")


def test_every_condition_of_a_match_must_hold():
    match = RouteMatch(tags=(("team", "red"), ("job", "")), headers=(("x-tier", "gold"),))
    subject = tenant(named("special", match=match), named("usual"), default_route="usual")
    tags, headers = {"team": "red", "job": "anything"}, {"x-tier": "gold"}
    assert resolve(subject, tags=tags, headers=headers) == ("special", "match")
    assert resolve(subject, tags=tags)[0] == "usual"
    assert resolve(subject, tags={"team": "blue", "job": "x"}, headers=headers)[0] == "usual"


def test_defaults_are_the_tenants_then_the_platforms():
    platform = PlatformSpec(routes=(named("shared"),), default_route="shared")
    assert resolve(tenant(named("own"), default_route="own"), platform) == ("own", "tenant_default")
    assert resolve(tenant(), platform) == ("shared", "platform_default")


def test_no_name_and_no_default_is_the_callers_mistake():
    with pytest.raises(InvalidRequest):
        resolve(tenant())


def test_an_unknown_mode_is_refused():
    with pytest.raises(InvalidRequest, match="mode"):
        resolve(tenant(named("x"), default_route="x"), mode="nonsense")


def test_a_key_held_to_routes_may_use_no_other():
    holder = key(allowed_routes=frozenset({"own"}))
    subject = tenant(named("own"), named("other"))
    assert resolve(subject, key_=holder, model="own")[0] == "own"
    with pytest.raises(PermissionDenied):
        resolve(subject, key_=holder, model="other")


def test_a_key_held_to_models_sees_a_route_narrowed_to_them():
    route, _ = resolve_route(
        tenant(named("own")),
        PlatformSpec(),
        key(allowed_models=frozenset({"b/m"})),
        model="own",
        mode="direct",
        tags={},
        headers={},
    )
    assert route.targets == (B,)


def test_a_route_without_any_allowed_model_is_refused():
    with pytest.raises(PermissionDenied):
        resolve(tenant(named("own", A)), key_=key(allowed_models=frozenset({"b/m"})), model="own")


def test_what_a_key_may_name_is_listed_once():
    subject = tenant(named("own"), models={"m": A})
    platform = PlatformSpec(routes=(named("own"), named("shared")), models={"m": B, "x": B})
    assert list(visible_names(subject, platform, key())) == ["own", "shared", "m", "x"]
    held = key(allowed_routes=frozenset({"shared"}))
    assert list(visible_names(subject, platform, held)) == ["shared"]
