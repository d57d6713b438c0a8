"""The admin of prices as an operator uses it."""

from typing import Any

import pytest
from django.urls import reverse

from routing.models import Model, ModelPrice
from routing.services import create_model, create_provider, set_price
from tests.routing.test_admin import errors, inline
from tests.tenants.factories import make_operator, make_tenant


@pytest.fixture
def browser(client, db):
    client.force_login(make_operator())
    return client


@pytest.fixture
def model(db) -> Model:
    return create_model(provider=create_provider(name="box", kind="sandbox"), name="m", max_output_tokens=5)


def url(name: str, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:routing_{name}_{page}", args=args)


def model_form(model: Model, *prices: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    return {
        "name": model.name,
        "wire_name": model.wire_name,
        "capabilities": ["chat", "streaming"],
        "max_output_tokens": 5,
        "enabled": "on",
        **inline("prices", *prices, initial=initial),
    }


def day(field: str, date: str) -> dict[str, str]:
    return {f"{field}_0": date, f"{field}_1": "00:00:00"}


def save(browser, model: Model, *prices: dict[str, Any], initial: int = 0):
    return browser.post(url("model", "change", model.pk), model_form(model, *prices, initial=initial))


def test_a_models_price_is_set_on_its_page_in_dollars(browser, model):
    response = save(browser, model, {"input": "0.15", "output": "0.6", "cached_input": "0.075"})
    assert response.status_code == 302, errors(response)
    price = model.prices.get()
    assert (price.input, price.output, price.cached_input, price.request) == (150_000_000, 600_000_000, 75_000_000, 0)
    assert "$0.15 input, $0.6 output" in browser.get(url("model")).content.decode()


def test_one_price_ends_and_the_next_begins_in_one_submission(browser, model):
    old = set_price(model=model, prices={"input": 1_000_000_000, "output": 1_000_000_000})
    ending = {"id": old.pk, "input": "1", "output": "1", "request": "0", **day("valid_until", "2026-02-01")}
    response = save(browser, model, ending, {"input": "2", "output": "2", **day("valid_from", "2026-02-01")}, initial=1)
    assert response.status_code == 302, errors(response)
    assert [price.input for price in model.prices.all()] == [1_000_000_000, 2_000_000_000]


def test_prices_that_overlap_are_sent_back(browser, model):
    rows = ({"input": "1", "output": "1"}, {"input": "2", "output": "2", **day("valid_from", "2026-02-01")})
    response = save(browser, model, *rows)
    assert response.status_code == 200
    [formset] = [each.formset for each in response.context["inline_admin_formsets"]]
    assert "There is another price since ever until further notice" in str(formset.non_form_errors())
    assert not ModelPrice.objects.exists()


def test_a_price_that_overlaps_is_sent_back_from_its_own_page_too(browser, model):
    set_price(model=model, prices={"input": 1, "output": 1})
    form = {"model": model.pk, "input": "1", "output": "1", "request": "0", **day("valid_from", "2026-02-01")}
    response = browser.post(url("modelprice", "add"), form)
    assert response.status_code == 200
    assert "There is another price" in str(response.context["adminform"].form.errors)
    tenant = make_tenant()
    response = browser.post(url("modelprice", "add"), form | {"tenant": tenant.pk, "image_output": "30"})
    assert response.status_code == 302
    assert ModelPrice.objects.get(tenant=tenant).image_output == 30_000_000_000


def test_half_a_price_is_sent_back_with_the_reason(browser, model):
    response = save(browser, model, {"input": "1"})
    assert response.status_code == 200
    assert "required" in errors(response)


def test_models_are_filtered_by_whether_their_price_is_known(browser, model):
    known = create_model(provider=model.provider, name="known", prices={"input": 1, "output": 1})
    for value, names in (("unknown", ["m"]), ("known", ["known"])):
        found = browser.get(url("model"), {"price": value}).context["cl"].result_list
        assert [row.name for row in found] == names
    assert "price unknown" in browser.get(url("model"), {"price": "unknown"}).content.decode()
    assert browser.get(url("model", "change", known.pk)).status_code == 200


def test_the_list_of_prices_says_for_whom_and_since_when(browser, model):
    tenant = make_tenant()
    set_price(model=model, prices={"input": 1_500_000_000, "output": 1})
    set_price(model=model, tenant=tenant, prices={"input": 1, "output": 1})
    listed = browser.get(url("modelprice"), {"q": "box"}).content.decode()
    for shown in ("everybody", tenant.slug, "$1.5", "further notice"):
        assert shown in listed


def test_a_model_and_its_first_prices_are_added_on_one_page(browser, model):
    tenant = make_tenant()
    rows = ({"input": "1", "output": "2", "request": "0.5"}, {"input": "3", "output": "4", "tenant": tenant.pk})
    form = model_form(model, *rows) | {"name": "new", "wire_name": "", "provider": model.provider.pk}
    response = browser.post(url("model", "add"), form)
    assert response.status_code == 302, errors(response)
    prices = Model.objects.get(name="new").prices.all()
    assert [(price.tenant, price.input, price.request) for price in prices] == [
        (None, 1_000_000_000, 500_000_000),
        (tenant, 3_000_000_000, 0),
    ]


def test_another_tenants_price_is_sent_back(browser):
    own = create_model(provider=create_provider(name="own", kind="sandbox", tenant=make_tenant()), name="m")
    response = save(browser, own, {"input": "1", "output": "2", "tenant": make_tenant().pk})
    assert "another tenant&#x27;s provider" in errors(response) or "another tenant's provider" in errors(response)


def test_a_price_is_deleted_on_its_models_page(browser, model):
    price = set_price(model=model, prices={"input": 1_000_000_000, "output": 1_000_000_000})
    response = save(browser, model, {"id": price.pk, "input": "1", "output": "1", "DELETE": "on"}, initial=1)
    assert response.status_code == 302, errors(response)
    assert not model.prices.exists()
