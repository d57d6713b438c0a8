"""Models and their prices on pages: who sees them, setting and deleting, taking over what is published."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contracts.specs import PriceSpec
from routing.models import Model, ModelPrice
from routing.prices import PriceHistory
from routing.services import TargetChoice, create_model, create_provider, create_route, set_price
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

NANO = 1_000_000_000


@pytest.fixture
def gpt() -> Model:
    """A public model whose set price is not the published one."""
    provider = create_provider(name="openai", kind="openai", secret_ref="env:OPENAI_API_KEY")
    return create_model(provider=provider, name="gpt-4o-mini", prices={"input": 9 * NANO, "output": 9 * NANO})


def price_now(model: Model) -> PriceSpec:
    price = PriceHistory(model).at(timezone.now())
    assert price is not None
    return price


def price_form(model: Model, **changes) -> dict:
    return {"model": str(model.pk), "input": "0.5", "output": "1.25", "request": "0", **changes}


def test_models_are_listed_with_what_they_can_do_and_cost(operator, small):
    shown = operator.get("/console/models/").content.decode()

    assert '<span class="nowrap">chat</span>, <span class="nowrap">streaming</span>' in shown
    assert "$0.15" in shown
    assert "Set here" in shown


def test_models_without_a_price_are_flagged_and_found(operator, small):
    create_model(provider=small.provider, name="mystery")

    assert "1 model has no known price" in operator.get("/console/models/").content.decode()
    found = operator.get("/console/models/?price=unknown").content.decode()
    assert "mystery" in found
    assert ">small" not in found


def test_the_list_of_models_costs_a_bounded_number_of_queries(operator, sandbox, django_assert_max_num_queries):
    for number in range(30):
        create_model(provider=sandbox, name=f"m{number}", prices={"input": 1, "output": 1})
    operator.get("/console/models/")

    with django_assert_max_num_queries(14):
        operator.get("/console/models/")


def test_members_see_the_models_of_their_own_providers_only(as_member, small):
    tenant = make_tenant(slug="alpha")
    own = create_model(provider=create_provider(name="own", kind="sandbox", tenant=tenant), name="ours")
    client = as_member(tenant, "viewer")

    shown = client.get("/t/alpha/models/").content.decode()

    assert "ours" in shown
    assert ">small" not in shown
    assert client.get(f"/t/alpha/models/{own.pk}/").status_code == 200
    assert client.get(f"/t/alpha/models/{small.pk}/").status_code == 404


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("billing", True)])
def test_prices_are_for_those_who_may_see_costs(as_member, role, sees):
    tenant = make_tenant(slug="alpha")
    provider = create_provider(name="own", kind="sandbox", tenant=tenant)
    model = create_model(provider=provider, name="ours", prices={"input": 7 * NANO, "output": 8 * NANO})
    client = as_member(tenant, role)

    for path in ("/t/alpha/models/", f"/t/alpha/models/{model.pk}/", f"/t/alpha/providers/{provider.pk}/?tab=models"):
        assert ("$7.00" in client.get(path).content.decode()) is sees


def test_a_model_is_added_changed_and_deleted(operator, sandbox):
    form = {"provider": str(sandbox.pk), "name": "large", "capabilities": ["chat"], "enabled": "on"}
    operator.post("/console/models/new/", form)
    model = Model.objects.get(name="large")

    operator.post(f"/console/models/{model.pk}/edit/", {**form, "capabilities": ["chat", "tools"]})
    model.refresh_from_db()
    assert model.capabilities == ["chat", "tools"]

    operator.post(f"/console/models/{model.pk}/delete/", {"typed": "large"})
    assert not Model.objects.filter(name="large").exists()


def test_developers_add_models_to_their_own_provider_and_viewers_do_not(as_member):
    tenant = make_tenant(slug="alpha")
    provider = create_provider(name="own", kind="sandbox", tenant=tenant)
    form = {"provider": str(provider.pk), "name": "large", "capabilities": ["chat"], "enabled": "on"}

    assert as_member(tenant, "viewer").post("/t/alpha/models/new/", form).status_code == 403
    assert as_member(tenant, "developer").post("/t/alpha/models/new/", form).status_code == 302
    assert Model.objects.filter(provider=provider, name="large").exists()


def test_a_model_is_not_added_to_another_tenant_s_provider(as_member, sandbox):
    tenant = make_tenant(slug="alpha")
    form = {"provider": str(sandbox.pk), "name": "large", "capabilities": ["chat"]}

    answer = as_member(tenant, "owner").post("/t/alpha/models/new/", form)

    assert "Select a valid choice" in answer.content.decode()
    assert not Model.objects.filter(name="large").exists()


def test_a_model_in_use_is_not_deleted(operator, small):
    create_route(name="support", targets=[TargetChoice(model=small)])

    answer = operator.post(f"/console/models/{small.pk}/delete/", {"typed": "small"})

    assert "Routes still use it" in answer.content.decode()


def test_a_price_holds_from_now_on_and_ends_the_one_before(operator, small):
    operator.post("/console/prices/new/", price_form(small))

    old, new = ModelPrice.objects.filter(model=small).order_by("created_at")
    assert old.valid_until == new.valid_from
    assert new.input == NANO // 2
    assert price_now(small).output == NANO * 5 // 4


def test_a_price_is_scheduled_for_one_tenant(operator, small):
    tenant = make_tenant(name="Omega")
    when = timezone.now() + timedelta(days=10)

    operator.post(
        "/console/prices/new/",
        price_form(small, tenant=str(tenant.pk), valid_from=f"{when:%Y-%m-%dT%H:%M}"),
    )

    price = ModelPrice.objects.get(tenant=tenant)
    assert price.valid_from is not None
    assert price.valid_from > timezone.now()
    shown = operator.get("/console/prices/?state=scheduled").content.decode()
    assert "Omega" in shown
    assert "Scheduled" in shown


def test_a_price_that_ends_before_it_begins_is_refused(operator, small):
    answer = operator.post("/console/prices/new/", price_form(small, valid_until="2020-01-01T00:00"))

    assert "A price ends after it begins." in answer.content.decode()
    assert ModelPrice.objects.count() == 1


def test_a_price_is_deleted(operator, small):
    price = ModelPrice.objects.get()

    operator.post(f"/console/prices/{price.pk}/delete/")

    assert not ModelPrice.objects.exists()


def test_published_prices_are_taken_over_only_where_chosen(operator, gpt):
    page = "/console/prices/published/"
    assert "gpt-4o-mini" in operator.get(page).content.decode()

    operator.post(page, {})
    assert price_now(gpt).input == 9 * NANO
    operator.post(page, {"model": [str(gpt.pk)]})

    gpt.refresh_from_db()
    assert price_now(gpt).input == 150_000_000
    assert "Nothing differs" in operator.get(page).content.decode()


def test_prices_are_the_platform_s_to_set(as_member, small):
    tenant = make_tenant(slug="alpha")
    set_price(model=small, tenant=tenant, prices={"input": 1, "output": 1})
    owner = as_member(tenant, "owner")

    assert owner.get("/t/alpha/prices/").status_code == 404
    assert owner.post("/console/prices/new/", price_form(small)).status_code == 403
