"""Rows become specs: complete, shared where they can be, and without what is switched off."""

import logging
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.specs import BreakerSpec, CacheSpec, Capability, PayloadStorage, Strategy
from gateway.spec_source import read_platform, read_tenant
from routing import compile as compiling
from routing.compile import Compiler
from routing.models import Model, Provider, Route, Target
from routing.selectors import live_models, live_routes
from routing.services import set_price
from tenants.changes import save_row
from tenants.compile import compile_key
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.secrets.doubles import environment_secrets

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECRETS = environment_secrets({"KEY": "s3cret"})


@pytest.fixture
def compiler():
    return Compiler(secrets=SECRETS, now=NOW)


def a_provider(**fields) -> Provider:
    return save_row(Provider(**{"name": "box", "kind": "sandbox", **fields}))


def a_model(provider=None, **fields) -> Model:
    return save_row(Model(**{"provider": provider or a_provider(), "name": "m", "capabilities": ["chat"], **fields}))


def a_route(**fields) -> Route:
    return save_row(Route(**{"name": "fast", **fields}))


def a_target(route, model, **fields) -> Target:
    return save_row(Target(route=route, model=model, **fields))


def test_a_provider_keeps_all_that_the_data_plane_needs(compiler):
    row = a_provider(
        kind="openai",
        base_url="https://llm.example.org/v1/",
        secret_ref="env:KEY",
        headers={"X-B": "2", "X-A": "1"},
        connect_timeout_ms=1,
        timeout_ms=2,
        first_token_timeout_ms=3,
        max_in_flight=4,
        max_queue=5,
    )

    spec = compiler.provider(row)

    assert (spec.id, spec.name, spec.kind) == (str(row.pk), "box", "openai")
    assert spec.base_url == "https://llm.example.org/v1"
    assert spec.headers == (("X-A", "1"), ("X-B", "2"))
    assert (spec.connect_timeout_ms, spec.timeout_ms, spec.first_token_timeout_ms) == (1, 2, 3)
    assert (spec.max_in_flight, spec.max_queue) == (4, 5)
    assert spec.credential.reveal() == "s3cret"


def test_the_credential_does_not_show_itself(compiler):
    assert "s3cret" not in repr(compiler.provider(a_provider(secret_ref="env:KEY")))


def test_an_unset_secret_is_reported_once_and_leaves_the_credential_empty(caplog):
    row = a_provider(secret_ref="env:MISSING")

    with caplog.at_level(logging.WARNING):
        specs = [Compiler(secrets=SECRETS, now=NOW).provider(row) for _ in range(3)]

    assert [bool(spec.credential) for spec in specs] == [False] * 3
    assert caplog.text.count("env:MISSING") == 1


def test_a_reference_that_the_owner_may_not_use_gives_no_credential_even_if_it_got_into_the_table(caplog, monkeypatch):
    monkeypatch.setattr(compiling, "_reported_secrets", set())
    row = a_provider(tenant=make_tenant())
    Provider.objects.filter(pk=row.pk).update(secret_ref="env:KEY")
    row.refresh_from_db()

    with caplog.at_level(logging.WARNING, logger="routing.compile"):
        specs = [Compiler(secrets=SECRETS, now=NOW).provider(row) for _ in range(3)]

    assert [spec.credential for spec in specs] == [None] * 3
    assert caplog.text.count("tenant's own provider") == 1


def test_a_credential_that_comes_late_is_in_the_specs_that_were_compiled_without_it():
    environ: dict[str, str] = {}
    secrets = environment_secrets(environ)
    spec = Compiler(secrets=secrets, now=NOW).provider(a_provider(secret_ref="env:LATE"))

    assert spec.credential is not None
    spec.credential.replace("s3cret")

    again = Compiler(secrets=secrets, now=NOW).provider(Provider.objects.get())
    assert again.credential is spec.credential


def test_a_models_own_price_wins_over_the_published_one(compiler):
    provider = a_provider(kind="openai", base_url="https://api.openai.com/v1")
    own = a_model(provider, name="gpt-4o")
    set_price(model=own, prices={"input": 7, "output": 8, "cached_input": 1, "request": 9})
    published = a_model(provider, name="gpt-4o-mini")

    price = compiler.model(own).price
    assert (price.input, price.output, price.cached_input, price.cache_write, price.request) == (7, 8, 1, None, 9)
    assert compiler.model(published).price.input > 0


def test_the_price_of_an_unknown_model_is_unknown_and_not_zero(compiler):
    provider = a_provider(kind="openai", base_url="https://llm.example.org/v1")

    assert compiler.model(a_model(provider, name="nobody-sells-this")).price is None


def test_a_price_of_zero_is_a_price(compiler):
    free = a_model()
    set_price(model=free, prices={"input": 0, "output": 0})
    assert compiler.model(free).price.input == 0


def test_a_model_without_wire_name_is_called_by_its_name(compiler):
    provider = a_provider()

    assert compiler.model(a_model(provider, name="plain")).wire_name == "plain"
    assert compiler.model(a_model(provider, name="alias", wire_name="real-name")).wire_name == "real-name"


def test_a_route_keeps_its_match_strategy_and_retries(compiler):
    row = a_route(
        strategy="lowest_cost",
        match_modes=["direct"],
        match_tags={"b": "", "a": "1"},
        match_headers={"X-Region": "eu"},
        order=7,
        retry_max_attempts=4,
        retry_per_target=3,
        retry_base_ms=20,
        retry_cap_ms=30,
        sticky_by_user=True,
        total_timeout_ms=40,
        max_latency_ms=50,
        hedge=True,
    )

    spec = compiler.route(live_routes(None).get(pk=row.pk))

    assert (spec.name, spec.strategy, spec.order) == ("fast", Strategy.LOWEST_COST, 7)
    assert spec.match.modes == {"direct"}
    assert spec.match.tags == (("a", "1"), ("b", ""))
    assert spec.match.headers == (("x-region", "eu"),)
    assert (spec.retry.max_attempts, spec.retry.per_target, spec.retry.base_ms, spec.retry.cap_ms) == (4, 3, 20, 30)
    assert (spec.sticky_by_user, spec.total_timeout_ms, spec.max_latency_ms, spec.hedge) == (True, 40, 50, True)


def test_a_route_keeps_answers_as_its_row_says(compiler):
    plain, keeping = a_route(name="plain"), a_route(name="keeping", cache_mode="exact", cache_ttl_s=60, cache_max_mib=2)
    assert compiler.route(live_routes(None).get(pk=plain.pk)).cache is None
    assert compiler.route(live_routes(None).get(pk=keeping.pk)).cache == CacheSpec(ttl_s=60, max_bytes=2 * 1024 * 1024)


def test_targets_come_by_priority_and_keep_their_settings(compiler):
    provider, route = a_provider(), a_route()
    second = a_target(route, a_model(provider, name="b"), priority=1, weight=3, drop_params=["seed"])
    first = a_target(route, a_model(provider, name="a"), priority=0)

    targets = compiler.route(live_routes(None).get()).targets

    assert [target.id for target in targets] == [str(first.pk), str(second.pk)]
    assert (targets[1].weight, targets[1].drop_params, targets[1].label) == (3, {"seed"}, "box/b")


def test_breaker_fields_that_are_empty_take_the_built_in_values(compiler):
    a_target(a_route(), a_model(), breaker_window_s=99, breaker_slow_call_ms=0)

    breaker = compiler.route(live_routes(None).get()).targets[0].breaker

    assert breaker == BreakerSpec(window_s=99, slow_call_ms=0)


def test_one_provider_is_compiled_once_for_all_its_targets(compiler):
    provider, route = a_provider(), a_route()
    for name in ("a", "b"):
        a_target(route, a_model(provider, name=name))

    first, second = compiler.route(live_routes(None).get()).targets

    assert first.provider is second.provider


@pytest.mark.parametrize("off", ["target", "model", "provider"])
def test_a_target_is_left_out_when_it_or_what_it_needs_is_disabled(compiler, off):
    provider = a_provider(enabled=off != "provider")
    model = a_model(provider, enabled=off != "model")
    a_target(a_route(), model, enabled=off != "target")

    assert compiler.route(live_routes(None).get()).targets == ()


def test_a_disabled_route_or_model_is_not_compiled():
    a_route(enabled=False)
    a_model(enabled=False)

    assert not live_routes(None)
    assert not live_models(None)


def test_a_bare_model_name_means_the_oldest_providers(compiler):
    for name in ("older", "newer"):
        a_model(a_provider(name=name), name="m")

    models = compiler.callable_models(live_models(None))

    assert set(models) == {"m", "older/m", "newer/m"}
    assert models["m"] is models["older/m"]
    assert models["m"].model.capabilities == {Capability.CHAT}


@pytest.mark.parametrize(
    ("storage", "stored"),
    [("none", PayloadStorage.NONE), ("redacted", PayloadStorage.REDACTED), ("stored", PayloadStorage.STORED)],
)
def test_payloads_are_kept_as_the_tenant_says(compiler, storage, stored):
    spec = compiler.tenant(make_tenant(payload_storage=storage), routes=[], models=[], limits=[])

    assert spec.payloads is stored


def test_a_tenants_default_is_its_own_setting_then_its_default_route(compiler):
    tenant = make_tenant()
    route = a_route(tenant=tenant, name="theirs", is_default=True)

    assert compiler.tenant(tenant, routes=[route], models=[], limits=[]).default_route == "theirs"
    tenant.default_route = "chosen"
    assert compiler.tenant(tenant, routes=[route], models=[], limits=[]).default_route == "chosen"
    assert compiler.tenant(make_tenant(), routes=[], models=[], limits=[]).default_route is None


def test_what_happens_to_calls_without_redis_is_the_tenants_choice(compiler):
    for choice, fail_open in (("fail_open", True), ("fail_closed", False)):
        spec = compiler.tenant(make_tenant(redis_outage=choice), routes=[], models=[], limits=[])
        assert spec.fail_open is fail_open


def test_a_key_keeps_its_restrictions():
    tenant = make_tenant()
    key = make_key(
        tenant,
        team=make_team(tenant),
        scopes=["chat"],
        allowed_routes=["fast"],
        allowed_models=["m"],
        ip_allow=["10.0.0.0/8"],
        expires_at=NOW,
    )

    spec = compile_key(key, [])

    assert (spec.tenant_id, spec.team_id) == (str(tenant.pk), str(key.team_id))
    assert (spec.scopes, spec.allowed_routes, spec.allowed_models) == (
        frozenset({"chat"}),
        frozenset({"fast"}),
        frozenset({"m"}),
    )
    assert (spec.ip_allow, spec.expires_at_ms, spec.revoked) == (("10.0.0.0/8",), int(NOW.timestamp() * 1000), False)
    assert key.key_hash not in repr(spec)


def test_the_number_of_queries_does_not_grow_with_the_configuration():
    tenant = make_tenant()
    for owner in (tenant, None):
        for number in range(3):
            provider = a_provider(tenant=owner, name=f"p{number}")
            route = a_route(tenant=owner, name=f"r{number}")
            for name in ("a", "b"):
                a_target(route, a_model(provider, name=name))

    with CaptureQueriesContext(connection) as queries:
        spec = read_tenant(str(tenant.pk), SECRETS)
    assert spec is not None
    assert len(spec.routes) == 3
    assert len(queries) == 12

    with CaptureQueriesContext(connection) as queries:
        read_platform(SECRETS)
    assert len(queries) == 7
