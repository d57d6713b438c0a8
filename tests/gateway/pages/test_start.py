"""Getting started: who sees what, the first key, the first call."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events.models import Run
from gateway.pages.start_steps import tenant_steps
from tenants import services
from tenants.models import ApiKey, Tenant, User
from tenants.playground_keys import clear_playground_key
from tenants.workspaces import Workspace
from tests.tenants.factories import make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db(transaction=True)

START = "/t/acme/start/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


def member(tenant: Tenant, role: str) -> User:
    user = make_user()
    services.set_membership(user=user, tenant=tenant, role=role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def done(tenant: Tenant, user: User) -> dict[str, bool]:
    return {step.title: step.done for step in tenant_steps(Workspace(user, tenant), tenant)}


def test_the_page_has_endpoint_code_and_everything_to_call(answering):
    page = signed_in(member(answering, "developer")).get(START).content.decode()

    assert "http://testserver/v1" in page
    assert "YOUR_API_KEY" in page
    assert '<option value="sandbox-small">' in page
    assert "Send a first call" in page


@pytest.mark.parametrize("role", ["viewer", "billing"])
def test_who_may_not_call_is_told_so_and_sees_no_button(answering, role):
    client = signed_in(member(answering, role))

    page = client.get(START).content.decode()

    assert "Your role does not allow you to make calls here" in page
    assert client.post(START + "call/").status_code == 403
    assert client.post(START + "key/", {"name": "x"}).status_code == 403
    assert not ApiKey.objects.for_tenant(answering).exists()


def test_another_tenant_is_not_found(answering):
    client = signed_in(member(make_tenant(), "owner"))

    assert {client.get(START).status_code, client.post(START + "call/").status_code} == {404}


def test_a_first_key_is_shown_once_in_code_that_is_ready(answering):
    client = signed_in(member(answering, "developer"))

    shown = client.post(START + "key/", {"name": "My first key", "model": "sandbox-small"}, headers=HTMX)

    (clear,) = set(re.findall(r"bw_[a-z0-9]{8}_[\w-]{43}", shown.content.decode()))
    key = ApiKey.objects.for_tenant(answering).get(playground_user=None)
    assert (key.name, clear[-4:]) == ("My first key", key.last_four)
    assert shown.headers["Cache-Control"] == "no-store"
    assert "sandbox-small" in shown.content.decode()
    assert clear not in client.get(START).content.decode()


def test_a_key_without_a_name_is_refused_beside_the_field(answering):
    shown = signed_in(member(answering, "owner")).post(START + "key/", {"name": ""}, headers=HTMX)

    assert "This field is required." in shown.content.decode()
    assert not ApiKey.objects.for_tenant(answering).exists()


def test_the_code_for_another_model_keeps_the_key_and_nothing_else(answering):
    client = signed_in(member(answering, "owner"))

    kept = client.post(START + "code/", {"model": "sandbox-large", "key": "bw_abc_DEF-1"}, headers=HTMX)
    dropped = client.post(START + "code/", {"model": "no-such", "key": '"; rm -rf /'}, headers=HTMX)

    assert "Bearer bw_abc_DEF-1" in kept.content.decode()
    assert "sandbox-large" in kept.content.decode()
    assert "rm -rf" not in dropped.content.decode()
    assert "no-such" not in dropped.content.decode()


def test_a_first_call_is_answered_under_a_key_that_nobody_sees(answering):
    user = member(answering, "developer")

    page = signed_in(user).post(START + "call/", {"model": "default"}, headers=HTMX).content.decode()

    assert "Say hello in one sentence." in page
    assert "sandbox/sandbox-small" in page
    assert clear_playground_key(tenant=answering, user=user) not in page


def test_without_script_the_first_call_has_a_page_of_its_own(answering):
    page = signed_in(member(answering, "developer")).post(START + "call/", {}).content.decode()

    assert "<h1>Getting started</h1>" in page
    assert "Say hello in one sentence." in page


def test_a_refused_call_is_explained(answering):
    client = signed_in(member(answering, "developer"))

    page = client.post(START + "call/", {"model": "no-such-model"}, headers=HTMX).content.decode()

    assert "There is no such model for this tenant" in page


def test_steps_are_done_one_by_one(answering):
    user = member(answering, "owner")
    assert not any(done(answering, user).values())

    services.create_key(tenant=answering, name="First")
    services.set_budget(tenant=answering, name="monthly", limit_nanousd=1_000_000_000)
    member(answering, "viewer")
    Run.objects.create(
        correlation_id="req_1", tenant_id=str(answering.pk), trace_id="", started_at="2026-01-01T00:00:00Z"
    )

    steps = done(answering, user)
    assert all(steps[title] for title in ("Create an API key", "Send a first call", "Set a budget", "Invite somebody"))


def test_the_own_playground_key_is_no_first_key_and_its_budget_no_budget(answering):
    user = member(answering, "owner")
    clear_playground_key(tenant=answering, user=user)

    assert not any(done(answering, user).values())


def test_operators_begin_in_the_console_with_a_tenant_of_their_choice(answering):
    make_tenant(slug="globex", name="Globex")
    client = signed_in(make_operator())

    page = client.get("/console/start/").content.decode()
    other = client.get("/console/start/?tenant=globex").content.decode()

    assert "Connect a provider" in page
    assert 'action="/t/acme/start/call/"' in page
    assert 'action="/t/globex/start/call/"' in other
    assert client.get("/console/start/?tenant=nobody").status_code == 404


def test_an_installation_without_a_tenant_says_what_to_do(gateway_process):
    page = signed_in(make_operator()).get("/console/start/").content.decode()

    assert "No tenant yet" in page


def test_until_the_first_call_whoever_can_make_it_is_led_to_it(answering):
    developer, viewer = signed_in(member(answering, "developer")), signed_in(member(answering, "viewer"))
    operator = signed_in(make_operator())
    assert operator.get("/").headers["Location"] == "/console/start/"
    assert developer.get("/").headers["Location"] == START
    assert viewer.get("/").headers["Location"] == "/t/acme/"

    Run.objects.create(
        correlation_id="req_1", tenant_id=str(answering.pk), trace_id="", started_at="2026-01-01T00:00:00Z"
    )

    assert operator.get("/").headers["Location"] == "/console/"
    assert developer.get("/").headers["Location"] == "/t/acme/"


@pytest.mark.parametrize(
    ("target", "inside", "outside"),
    [
        ("start-steps", "of 5 done", "Latest calls"),
        ("start-calls", "Latest calls", "done</strong>"),
    ],
)
def test_live_parts_come_alone(answering, target, inside, outside):
    headers = {**HTMX, "HX-Target": target}

    part = signed_in(member(answering, "owner")).get(START, headers=headers).content.decode()

    assert inside in part
    assert outside not in part
    assert "<html" not in part


def test_the_page_asks_few_questions(answering, django_assert_max_num_queries):
    client = signed_in(member(answering, "developer"))
    client.get(START)

    with django_assert_max_num_queries(24):
        client.get(START)
