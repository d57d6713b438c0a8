"""The two workspaces: who gets in, what they see, how refusals look."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants import services
from tenants.models import Tenant, User
from tests.tenants.factories import make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db


def member_of(tenant: Tenant) -> User:
    user = make_user()
    services.set_membership(tenant=tenant, user=user, role="viewer")
    return user


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_operator())
    return client


@pytest.mark.parametrize("path", ["/console/", "/console/style-guide/", "/console/style-guide/form/"])
def test_operators_open_the_console(operator: Client, path: str) -> None:
    make_tenant(slug="acme", name="Acme")

    answer = operator.get(path)

    assert answer.status_code == 200
    assert "<h1>" in answer.content.decode()


def test_members_are_sent_to_their_tenant(client: Client) -> None:
    client.force_login(member_of(make_tenant(slug="acme")))

    assert client.get("/").headers["Location"] == "/t/acme/"


def test_members_do_not_enter_the_console(client: Client) -> None:
    client.force_login(member_of(make_tenant()))

    answer = client.get("/console/")

    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()


def test_another_tenant_does_not_exist_for_a_member(client: Client) -> None:
    make_tenant(slug="omega", name="Omega")
    client.force_login(member_of(make_tenant(slug="acme")))

    answer = client.get("/t/omega/")

    assert answer.status_code == 404
    assert "Omega" not in answer.content.decode()


def test_the_chooser_lists_only_the_own_tenants(client: Client) -> None:
    make_tenant(name="Omega")
    client.force_login(member_of(make_tenant(name="Acme")))

    body = client.get("/t/").content.decode()

    assert "Acme" in body
    assert "Omega" not in body


def test_whoever_is_not_signed_in_goes_to_the_login_page(client: Client) -> None:
    assert client.get("/console/").headers["Location"].startswith("/account/login/")


def test_a_fragment_without_a_session_leads_the_whole_page_to_the_login(client: Client) -> None:
    answer = client.get("/console/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"].startswith("/account/login/")


def test_an_address_without_a_page_is_answered_in_the_frame(operator: Client) -> None:
    answer = operator.get("/console/nothing/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_htmx_gets_the_rows_alone(operator: Client) -> None:
    answer = operator.get("/console/style-guide/", headers={"HX-Request": "true", "HX-Target": "table-tenants"})

    assert "<html" not in answer.content.decode()
    assert 'id="table-tenants"' in answer.content.decode()


def test_validating_a_field_answers_with_its_errors_and_saves_nothing(operator: Client) -> None:
    answer = operator.post("/console/style-guide/form/", {"name": "taken"}, headers={"X-Validate": "name"})

    assert answer.status_code == 200
    assert "Another key has this name already." in answer.content.decode()
    assert "<form" not in answer.content.decode()


def test_what_was_typed_is_kept_on_errors(operator: Client) -> None:
    answer = operator.post("/console/style-guide/form/", {"name": "taken"})

    assert answer.status_code == 200
    assert 'value="taken"' in answer.content.decode()
