"""Specs come from a real PostgreSQL, over connections that are neither leaked nor stale."""

import asyncio
import socket
import time
import uuid

import pytest
from django.db import connection, connections

from contracts.errors import ServiceUnavailable
from gateway import process
from gateway.spec_source import DjangoSpecSource
from routing.models import Model, Provider, Route, Target
from tenants import services
from tenants.changes import save_row
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.secrets.doubles import environment_secrets

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "breakwater-spec-source-test"


@pytest.fixture(autouse=True)
def named_connections(monkeypatch):
    """New connections are recognisable, so that only those of the source under test are counted."""
    # One that an earlier test of this process has left running connects as well.
    process.stop()
    options = connections["default"].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "application_name", OURS)


@pytest.fixture
def make_source():
    sources = []

    def make(**arguments):
        sources.append(DjangoSpecSource(secrets=environment_secrets({"KEY": "s3cret"}), **arguments))
        return sources[-1]

    yield make
    for source in sources:
        source.close()
    wait_for(lambda: open_connections() == 0)


def run(load):
    """The tests' own queries stay on the main thread and its one connection."""
    return asyncio.run(load)


async def many(source, key, times):
    return await asyncio.gather(*(source.load_key(key.key_hash) for _ in range(times)))


def open_connections():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()", [OURS]
        )
        return cursor.fetchone()[0]


def drop_connections():
    """What a restart of the server does to those who are connected."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = %s AND pid <> pg_backend_pid()",
            [OURS],
        )
        return cursor.fetchone()[0]


def wait_for(holds) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def furnished():
    tenant = make_tenant(default_route="fast")
    team = make_team(tenant)
    key = make_key(tenant, team=team, ip_allow=["10.0.0.0/8"])
    for level, subject, value in (
        ("tenant", {}, 1),
        ("user", {}, 2),
        ("team", {"team": team}, 3),
        ("key", {"key": key}, 4),
    ):
        services.set_rate_limit(tenant=tenant, level=level, metric="requests", value=value, **subject)
    for owner in (tenant, None):
        reference = "" if owner else "env:KEY"
        provider = save_row(Provider(tenant=owner, name="box", kind="sandbox", secret_ref=reference))
        model = save_row(Model(provider=provider, name="m", capabilities=["chat"]))
        route = save_row(Route(tenant=owner, name="fast" if owner else "shared", is_default=owner is None))
        save_row(Target(route=route, model=model))
    return tenant, key


def test_a_key_comes_with_its_own_and_its_teams_limits(make_source):
    tenant, key = furnished()

    spec = run(make_source().load_key(key.key_hash))

    assert (spec.id, spec.tenant_id, spec.ip_allow) == (str(key.pk), str(tenant.pk), ("10.0.0.0/8",))
    assert sorted((limit.level, limit.value) for limit in spec.limits) == [("key", 4), ("team", 3)]


def test_a_tenant_comes_with_its_routes_models_and_limits(make_source):
    tenant, _key = furnished()

    spec = run(make_source().load_tenant(str(tenant.pk)))

    assert spec.default_route == "fast"
    assert [route.name for route in spec.routes] == ["fast"]
    assert set(spec.models) == {"m", "box/m"}
    assert sorted((limit.level, limit.value) for limit in spec.limits) == [("tenant", 1), ("user", 2)]


def test_the_platform_comes_without_any_tenants_rows(make_source):
    furnished()

    spec = run(make_source().load_platform())

    assert [route.name for route in spec.routes] == ["shared"]
    assert spec.default_route == "shared"
    assert spec.routes[0].targets[0].provider.credential.reveal() == "s3cret"
    assert spec.version > 0


def test_what_does_not_exist_is_none(make_source):
    source = make_source()

    assert run(source.load_key("0" * 64)) is None
    assert run(source.load_tenant(str(uuid.uuid4()))) is None
    assert run(source.load_tenant("not an id")) is None


def test_a_change_is_seen_by_the_next_load(make_source):
    _tenant, key = furnished()
    source = make_source()
    assert not (run(source.load_key(key.key_hash))).revoked

    services.revoke_key(key=key)

    assert (run(source.load_key(key.key_hash))).revoked


def test_many_loads_at_once_share_a_few_connections(make_source):
    _tenant, key = furnished()
    source = make_source(threads=2)

    specs = run(many(source, key, 60))

    assert {spec.id for spec in specs} == {str(key.pk)}
    assert open_connections() <= 2


def test_an_idle_source_holds_no_connection(make_source):
    _tenant, key = furnished()
    source = make_source(idle_s=0.05)
    run(source.load_key(key.key_hash))

    wait_for(lambda: open_connections() == 0)

    assert (run(source.load_key(key.key_hash))).id == str(key.pk)


def test_connections_that_the_server_dropped_are_replaced_unnoticed(make_source):
    _tenant, key = furnished()
    source = make_source(threads=2)
    run(many(source, key, 20))
    assert drop_connections() > 0

    specs = run(many(source, key, 20))

    assert {spec.id for spec in specs} == {str(key.pk)}


def test_a_server_that_is_down_is_told_at_once_and_found_again(make_source, monkeypatch):
    _tenant, key = furnished()
    source = make_source()
    settings = connections["default"].settings_dict
    with monkeypatch.context() as patch:
        patch.setitem(settings, "HOST", "127.0.0.1")
        patch.setitem(settings, "PORT", "1")
        started = time.monotonic()
        for load in (source.load_key("0" * 64), source.load_tenant(str(uuid.uuid4())), source.load_platform()):
            with pytest.raises(ServiceUnavailable):
                run(load)
        assert time.monotonic() - started < 1

    assert (run(source.load_key(key.key_hash))).id == str(key.pk)


def test_a_server_that_does_not_answer_is_told_after_the_timeout(make_source, monkeypatch):
    settings = connections["default"].settings_dict
    with socket.create_server(("127.0.0.1", 0)) as silent, monkeypatch.context() as patch:
        patch.setitem(settings, "HOST", "127.0.0.1")
        patch.setitem(settings, "PORT", str(silent.getsockname()[1]))

        with pytest.raises(ServiceUnavailable):
            run(make_source(timeout_s=0.2).load_key("0" * 64))


def test_a_cancelled_load_does_not_disturb_the_next(make_source):
    _tenant, key = furnished()
    source = make_source(threads=1)

    async def cancel_most() -> None:
        loads = [asyncio.ensure_future(source.load_key(key.key_hash)) for _ in range(10)]
        await asyncio.sleep(0)
        for load in loads[1:]:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    run(cancel_most())

    assert run(source.load_key(key.key_hash)).id == str(key.pk)
