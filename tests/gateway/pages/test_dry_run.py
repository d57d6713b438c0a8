"""The dry run: the gateway's own decision in words, for the workspace's tenants only, leaving nothing behind."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from django.test import Client

from events.models import EventRecord
from gateway.pages.dry_run_words import skipped, switched_off
from routing.engine.pulse import WorkerPulse
from routing.engine.statistics import TargetSnapshot
from routing.services import TargetChoice, create_model, create_route, set_enabled
from routing.worker_pulses import Pulses
from tenants import services
from tenants.changes import save_row
from tenants.models import Budget, Tenant, User
from tenants.playground_keys import clear_playground_key, playground_key
from tests.gateway.pages.runs import make_run
from tests.tenants.factories import make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


def member(tenant: Tenant, role: str) -> User:
    user = make_user()
    services.set_membership(tenant=tenant, user=user, role=role)
    return user


def ask(client: Client, path: str = "/t/acme/dry-run/", body: object = None, **fields: str):
    sent = {"kind": "chat", "key": "", "tags": "", "headers": "", **fields}
    return client.post(path, {**sent, "body": json.dumps({"messages": HELLO} if body is None else body)})


def test_it_says_where_a_call_goes_over_which_route_and_what_it_costs(client: Client, answering: Tenant) -> None:
    client.force_login(member(answering, "developer"))

    answer = ask(client)

    assert "It goes to sandbox/sandbox-small over the route “default”" in answer.content.decode()
    first, second = answer.context["targets"]
    assert (first.place, second.place) == (1, 2)
    assert first.expected is not None
    assert first.most >= first.expected
    assert not EventRecord.objects.exists()


def test_every_skipped_target_says_why(client: Client, answering: Tenant) -> None:
    client.force_login(member(answering, "developer"))
    small = answering_model("sandbox-small")
    tiny = create_model(provider=small.provider, name="tiny", context_window=50)
    blind = create_model(provider=small.provider, name="blind", capabilities=["chat"])
    off = create_model(provider=small.provider, name="off")
    create_route(
        tenant=answering,
        name="picky",
        targets=[TargetChoice(model=model, priority=n) for n, model in enumerate((tiny, blind, off, small))],
    )
    set_enabled(rows=[off], enabled=False)

    answer = ask(client, body={"model": "picky", "stream": True, "max_tokens": 100, "messages": HELLO})

    lines = {line.label: (line.place, line.reasons) for line in answer.context["targets"]}
    assert lines == {
        "sandbox/sandbox-small": (1, []),
        "sandbox/tiny": (None, ["The request does not fit its context window"]),
        "sandbox/blind": (None, ["Its model cannot do “streaming”"]),
        "sandbox/off": (None, ["Its model is switched off"]),
    }
    reasons = {line.name: line.reason for line in answer.context["routes"]}
    assert reasons == {"picky": "Chosen", "default": "The request names something else"}


def answering_model(name: str):
    from routing.models import Model

    return Model.objects.select_related("provider").get(name=name)


def test_a_refusal_is_told_as_the_caller_would_hear_it(client: Client, answering: Tenant) -> None:
    client.force_login(member(answering, "developer"))

    answer = ask(client, body={"model": "nowhere", "messages": HELLO})

    assert answer.context["done"].error.code == "MODEL_NOT_FOUND"
    assert "It would be refused" in answer.content.decode()


def test_a_keys_restrictions_limits_and_budgets_are_applied(client: Client, answering: Tenant) -> None:
    client.force_login(member(answering, "owner"))
    key, _clear = services.create_key(tenant=answering, name="bound", allowed_routes=["other"])

    answer = ask(client, key=str(key.pk), body={"model": "default", "messages": HELLO})

    assert answer.context["done"].error.code == "PERMISSION_DENIED"
    assert [line.reason for line in answer.context["routes"]] == ["The key may not use it"]


@pytest.mark.parametrize("body", ["", "no json", "[1]"])
def test_what_is_no_request_is_said_beside_the_field(client: Client, answering: Tenant, body: str) -> None:
    client.force_login(member(answering, "developer"))

    answer = client.post("/t/acme/dry-run/", {"kind": "chat", "body": body})

    assert answer.status_code == 200
    assert "body" in answer.context["form"].errors


def test_only_who_may_see_requests_may_ask(client: Client, answering: Tenant) -> None:
    client.force_login(member(answering, "billing"))

    assert client.get("/t/acme/dry-run/").status_code == 403
    assert ask(client).status_code == 403


def test_another_tenants_dry_run_key_and_name_are_not_there(client: Client, answering: Tenant) -> None:
    other = make_tenant(slug="omega", name="Omega")
    key, _clear = services.create_key(tenant=other, name="foreign-key")
    client.force_login(member(answering, "developer"))

    assert client.get("/t/omega/dry-run/").status_code == 404
    assert "foreign-key" not in client.get("/t/acme/dry-run/").content.decode()
    assert "key" in ask(client, key=str(key.pk)).context["form"].errors
    assert "Omega" not in ask(client, tenant="omega").content.decode()


def test_operators_ask_for_any_tenant(client: Client, answering: Tenant) -> None:
    client.force_login(make_operator())

    answer = ask(client, "/console/dry-run/", tenant="acme")

    assert answer.context["done"].error is None
    assert 'option value="acme" selected' in client.get("/console/dry-run/?tenant=acme").content.decode()


def test_a_run_fills_the_form_with_what_it_was(client: Client, answering: Tenant) -> None:
    user = member(answering, "developer")
    clear_playground_key(tenant=answering, user=user)
    key = playground_key(tenant=answering, user=user)
    assert key is not None
    run = make_run(
        answering, requested_model="default", tags={"team": "search"}, stream=True, key_id=str(key.pk), input_tokens=400
    )
    client.force_login(user)

    form = client.get(f"/t/acme/dry-run/?run={run.pk}").context["form"]
    body = msgspec.json.decode(form["body"].value())

    assert (body["model"], body["tags"], body["stream"]) == ("default", {"team": "search"}, True)
    assert len(body["messages"][0]["content"]) > 1_000
    assert form["key"].value() in dict(form.fields["key"].choices)


def test_limits_and_budgets_tell_how_much_of_them_is_used_now(client: Client, answering: Tenant) -> None:
    services.set_rate_limit(tenant=answering, level="tenant", metric="requests", value=60)
    save_row(Budget(tenant=answering, name="All", level="tenant", window="month", limit_nanousd=10**9))
    client.force_login(member(answering, "owner"))

    answer = ask(client)

    (limit,), (budget,) = answer.context["limits"], answer.context["budgets"]
    assert (limit.used, limit.most) == (0, 60)
    assert (budget.used, budget.most) == (0, 10**9)
    assert answer.content.decode().count("Used now") == 2


def test_a_target_that_is_left_out_says_until_when_and_how_busy_it_is() -> None:
    state = TargetSnapshot("t", "a/b", "open", 30.0, 8, 4, 8, None, None, None, None)

    assert re.match(r"Circuit open until \d\d:\d\d:\d\d ", skipped("breaker_open", state))
    assert skipped("full", state) == "At max_in_flight: 8 of 8 calls are under way, 4 more wait"


def test_a_provider_that_was_switched_off_drains_while_calls_are_under_way(answering: Tenant) -> None:
    small = answering_model("sandbox-small")
    route = create_route(tenant=answering, name="own", targets=[TargetChoice(model=small)])
    set_enabled(rows=[small.provider], enabled=False)
    target = route.targets.select_related("model__provider").get()
    state = TargetSnapshot(str(target.pk), "a/b", "closed", 0, 3, 0, 8, None, None, None, None)
    pulse = WorkerPulse(worker_id="w", host="h", pid=1, at_ms=1, targets=[state])

    assert switched_off(target, Pulses([pulse])) == (
        "Draining: its provider is switched off, and 3 calls are still under way"
    )
    assert switched_off(target, Pulses()) == "Its provider is switched off"
