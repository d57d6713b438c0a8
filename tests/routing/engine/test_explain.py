"""Why routes were chosen or not."""

from __future__ import annotations

from contracts.specs import KeySpec, PlatformSpec, RouteMatch, RouteSpec, TenantSpec
from routing.engine.explain import considered
from tests.routing.engine.spec_factory import target

A = target("a")


def route(name: str, **fields: object) -> RouteSpec:
    return RouteSpec(id=f"id-{name}", name=name, targets=(A,), **fields)  # type: ignore[arg-type]


def reasons(tenant: TenantSpec, platform: PlatformSpec, chosen: str | None, **call: object) -> dict[str, str]:
    key = call.pop("key", KeySpec(id="key", tenant_id="tenant"))
    asked = {"model": None, "mode": "direct", "tags": {}, "headers": {}, **call}
    found = considered(tenant, platform, key, chosen=chosen, **asked)  # type: ignore[arg-type]
    return {f"{'shared ' if one.shared else ''}{one.route.name}": f"{one.reason} {one.detail}".strip() for one in found}


def test_a_named_call_says_which_names_it_did_not_mean_and_what_is_hidden() -> None:
    tenant = TenantSpec(id="tenant", slug="t", routes=(route("chat"), route("other")))
    platform = PlatformSpec(routes=(RouteSpec(id="p", name="chat", targets=(A,)),))

    assert reasons(tenant, platform, "id-chat", model="chat") == {
        "chat": "chosen",
        "other": "not_named",
        "shared chat": "hidden",
    }


def test_a_call_without_a_model_says_which_condition_failed() -> None:
    routes = (
        route("plain"),
        route("tagged", match=RouteMatch(tags=(("team", "search"),))),
        route("headed", match=RouteMatch(headers=(("x-region", ""),))),
        route("moded", match=RouteMatch(modes=frozenset({"rag"}))),
        route("late", match=RouteMatch(modes=frozenset({"direct"})), order=200),
        route("first", match=RouteMatch(modes=frozenset({"direct"})), order=1),
    )

    assert reasons(TenantSpec(id="tenant", slug="t", routes=routes), PlatformSpec(), "id-first") == {
        "first": "chosen",
        "plain": "not_matching",
        "tagged": "tag team: search",
        "headed": "header x-region: any",
        "moded": "mode rag",
        "late": "lower_order 200",
    }


def test_a_key_may_be_held_to_other_routes_or_models() -> None:
    tenant = TenantSpec(id="tenant", slug="t", routes=(route("chat"),))
    held = KeySpec(id="key", tenant_id="tenant", allowed_routes=frozenset({"other"}))
    narrow = KeySpec(id="key", tenant_id="tenant", allowed_models=frozenset({"other"}))

    assert reasons(tenant, PlatformSpec(), None, model="chat", key=held) == {"chat": "key"}
    assert reasons(tenant, PlatformSpec(), None, model="chat", key=narrow) == {"chat": "key_models"}
