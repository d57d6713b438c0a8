"""Routes and their targets over the management API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from routing import services
from routing.models import Provider, Route
from tenants.models import Tenant
from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

ROUTES = "/api/v1/routes"


def make_model(name: str, tenant: Tenant | None = None, provider: str = "sandbox") -> Any:
    found = Provider.objects.filter(name=provider, tenant=tenant).first()
    owner = found or services.create_provider(name=provider, kind="sandbox", tenant=tenant)
    return services.create_model(provider=owner, name=name)


def test_targets_keep_their_ids_while_their_models_stay() -> None:
    make_model("small"), make_model("large")
    client = caller(make_tenant())
    made = client.post(ROUTES, {"name": "chat", "targets": [{"model": "sandbox/small"}]}).json()
    targets = [{"model": "sandbox/large"}, {"model": "sandbox/small", "weight": 5}]
    changed = client.patch(f"{ROUTES}/{made['id']}", {"targets": targets}).json()
    kept = {target["model"]: target for target in changed["targets"]}
    assert kept["sandbox/small"]["id"] == made["targets"][0]["id"]
    assert kept["sandbox/small"]["weight"] == 5
    assert len(kept) == 2


def test_a_changed_target_is_a_new_version_of_its_route() -> None:
    make_model("small")
    client = caller(make_tenant())
    made = client.post(ROUTES, {"name": "chat", "targets": [{"model": "sandbox/small"}]})
    address = f"{ROUTES}/{made.json()['id']}"
    changed = client.patch(address, {"targets": [{"model": "sandbox/small", "weight": 2}]})
    assert changed.headers["etag"] != made.headers["etag"]
    assert client.patch(address, {"hedge": True}, headers={"if-match": made.headers["etag"]}).status_code == 412


def test_a_replacement_without_targets_has_none() -> None:
    make_model("small")
    client = caller(make_tenant())
    made = client.post(ROUTES, {"name": "chat", "hedge": True, "targets": [{"model": "sandbox/small"}]}).json()
    replaced = client.put(f"{ROUTES}/{made['id']}", {"name": "chat"}).json()
    assert (replaced["targets"], replaced["hedge"]) == ([], False)


def test_the_tenants_own_model_goes_before_the_platforms() -> None:
    tenant = make_tenant()
    make_model("small")
    own = make_model("small", tenant)
    made = caller(tenant).post(ROUTES, {"name": "chat", "targets": [{"model": "sandbox/small"}]}).json()
    assert Route.objects.get(pk=made["id"]).targets.get().model_id == own.pk


def test_another_tenants_model_is_unknown() -> None:
    make_model("small", make_tenant(), "theirs")
    response = caller(make_tenant()).post(ROUTES, {"name": "chat", "targets": [{"model": "theirs/small"}]})
    assert response.status_code == 400
    assert error_of(response)["param"] == "targets[0].model"
    assert not Route.objects.exists()


@pytest.mark.parametrize(
    ("targets", "param"),
    [
        ([{"model": "sandbox/small"}, {"model": "sandbox/small"}], "targets[1].model"),
        ([{"weight": 1}], "targets[0].model"),
        ([{"model": "sandbox/small", "colour": "red"}], "targets[0].colour"),
        ([{"model": "sandbox/small", "breaker_failure_rate": 7.0}], "breaker_failure_rate"),
        ([{"model": "sandbox/small"}] * 51, "targets"),
        ("sandbox/small", "targets"),
    ],
)
def test_what_is_wrong_with_a_target_is_named(targets: Any, param: str) -> None:
    make_model("small")
    response = caller(make_tenant()).post(ROUTES, {"name": "chat", "targets": targets})
    assert response.status_code == 400
    assert param in str(error_of(response)["details"]["fields"])
    assert not Route.objects.exists()


def test_the_platforms_routes_are_not_a_tenants_to_see_or_change() -> None:
    route = services.create_route(name="default")
    client = caller(make_tenant())
    assert client.get(ROUTES).json()["data"] == []
    assert client.get(f"{ROUTES}/{route.pk}").status_code == 404
    assert client.post(ROUTES, {"name": "mine", "tenant_id": None}).status_code == 403
    assert caller().post(ROUTES, {"name": "other"}).json()["tenant_id"] is None


def test_a_tenant_sets_up_no_provider() -> None:
    body = {"name": "evil", "kind": "openai", "base_url": "http://10.0.0.1/v1", "secret_ref": "env:SECRET_KEY"}
    assert caller(make_tenant()).post("/api/v1/providers", body).status_code == 403


def test_clearing_a_routes_cache_is_a_change_of_the_route() -> None:
    tenant = make_tenant()
    client = caller(tenant)
    made = client.post(ROUTES, {"name": "chat", "cache_mode": "semantic", "cache_confidence_percent": 90}).json()
    answer = client.post(f"{ROUTES}/{made['id']}/clear_cache", {})
    assert answer.status_code == 200
    route = Route.objects.get(pk=made["id"], tenant=tenant)
    assert (route.cache_generation, route.cache_confidence_percent) == (1, 90)


def test_a_tenant_clears_neither_the_platforms_nor_anothers_cache() -> None:
    tenant = make_tenant()
    for route in (services.create_route(name="shared"), services.create_route(name="theirs", tenant=make_tenant())):
        assert caller(tenant).post(f"{ROUTES}/{route.pk}/clear_cache", {}).status_code in (403, 404)
        assert Route.objects.filter(tenant=route.tenant, pk=route.pk).values_list("cache_generation")[0] == (0,)


def test_versions_are_listed_and_one_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # Changes within two seconds by one actor are else taken for one.
    monkeypatch.setattr("routing.route_history._TOGETHER", timedelta(seconds=-1))
    make_model("small"), make_model("large")
    client = caller(make_tenant())
    made = client.post(ROUTES, {"name": "chat", "targets": [{"model": "sandbox/small"}]}).json()
    address = f"{ROUTES}/{made['id']}"
    first = client.get(f"{address}/versions").json()[0]
    client.patch(address, {"strategy": "weighted", "targets": [{"model": "sandbox/small"}, {"model": "sandbox/large"}]})
    found = client.get(f"{address}/versions").json()

    assert [len(one["design"]["targets"]) for one in found[:3]] == [2, 1, 1]
    assert found[2]["version"] == first["version"]
    answer = client.post(f"{address}/put-back", {"version": first["version"]})
    assert answer.status_code == 200, answer.content
    assert answer.json()["strategy"] == "priority"
    assert [target["model"] for target in answer.json()["targets"]] == ["sandbox/small"]
    assert answer.headers["etag"] == client.get(address).headers["etag"]


def test_a_version_that_is_not_known_and_a_route_of_somebody_else_are_refused() -> None:
    make_model("small")
    client = caller(make_tenant())
    made = client.post(ROUTES, {"name": "chat", "targets": [{"model": "sandbox/small"}]}).json()
    unknown = client.post(f"{ROUTES}/{made['id']}/put-back", {"version": 1})
    assert (unknown.status_code, error_of(unknown)["param"]) == (400, "version")

    theirs = caller(make_tenant(slug="else"))
    assert theirs.get(f"{ROUTES}/{made['id']}/versions").status_code == 404
    assert theirs.post(f"{ROUTES}/{made['id']}/put-back", {"version": 1}).status_code == 404
