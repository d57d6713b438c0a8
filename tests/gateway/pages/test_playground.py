"""The playground's page, its budget, its code, and calls as its script makes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.test import Client

from tenants import services
from tenants.models import ApiKey, Tenant, User
from tenants.playground_keys import clear_playground_key, playground_budget, playground_key
from tests.tenants.factories import make_team, make_tenant, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PLAYGROUND = "/t/acme/playground/"
ADDRESSES = (PLAYGROUND, PLAYGROUND + "answer/", PLAYGROUND + "code/", PLAYGROUND + "budget/")
HELLO = {"messages": [{"role": "user", "content": "Hello sea"}]}


def member(tenant: Tenant, role: str = "developer") -> User:
    user = make_user()
    services.set_membership(user=user, tenant=tenant, role=role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, body: Any) -> list[tuple[str, Any]]:
    """The events of one answer."""
    response = client.post(PLAYGROUND + "answer/", msgspec.json.encode(body), content_type="application/json")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    events = []
    for block in response.getvalue().decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields and fields["data"] != "[DONE]":
            events.append((fields.get("event", "message"), msgspec.json.decode(fields["data"])))
    return events


def code_of(client: Client, body: Any) -> str:
    address = PLAYGROUND + "code/"
    return client.post(address, msgspec.json.encode(body), content_type="application/json").content.decode()


@pytest.mark.parametrize("role", ["viewer", "billing"])
def test_who_may_not_create_keys_may_not_call(answering, role):
    client = signed_in(member(answering, role))

    answers = {client.get(address).status_code for address in ADDRESSES}
    answers |= {client.post(address, "{}", content_type="application/json").status_code for address in ADDRESSES}

    assert answers == {403}
    assert "create, rotate and revoke API keys" in client.get(PLAYGROUND).content.decode()


def test_another_tenant_is_not_found(answering):
    client = signed_in(member(make_tenant(), "owner"))

    assert {client.get(address).status_code for address in ADDRESSES} == {404}


def test_the_page_offers_routes_and_models_with_prices_and_abilities(answering):
    page = signed_in(member(answering)).get(PLAYGROUND).content.decode()

    settings = msgspec.json.decode(
        page.split('id="playground-settings" type="application/json">')[1].split("</script>")[0]
    )
    assert [offer["name"] for offer in settings["offers"]] == [
        "default", "sandbox-small", "sandbox-large",
    ]  # fmt: skip
    first, small, _large = settings["offers"]
    assert first["default"]
    assert first["leads_to"] == "first that works of sandbox/sandbox-small, sandbox/sandbox-large"
    assert "in, " in small["price"]
    assert "tools" in small["capabilities"]
    assert settings["advice"]["BUDGET_EXCEEDED"]["title"] == "The budget is spent"
    assert settings["keepsContent"]


@pytest.mark.parametrize("storage", ["none", "redacted"])
def test_what_may_not_be_stored_is_not_shared_either(answering, storage):
    services.update_tenant(tenant=answering, payload_storage=storage)

    page = signed_in(member(answering)).get(PLAYGROUND).content.decode()

    assert '"keepsContent": false' in page


def test_without_anything_to_call_the_page_says_so(gateway_process):
    tenant = make_tenant(slug="acme")

    page = signed_in(member(tenant)).get(PLAYGROUND).content.decode()

    assert "Nothing answers yet" in page


def test_an_answer_streams_with_its_cost_and_the_key_stays_on_the_server(answering):
    user = member(answering)

    (kind, head), *chunks = ask(signed_in(user), {**HELLO, "stream": True})

    assert (kind, head["status"]) == ("head", 200)
    assert head["headers"]["x-breakwater-route"] == "default"
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for _, chunk in chunks if chunk["choices"])
    assert "Hello sea" in text
    assert chunks[-1][1]["cost"]["nanousd"] > 0
    assert clear_playground_key(tenant=answering, user=user) not in repr([head, chunks])


def test_an_answer_that_is_not_streamed_comes_whole(answering):
    (_, head), (kind, body) = ask(signed_in(member(answering)), HELLO)

    assert (head["status"], kind) == (200, "body")
    assert "Hello sea" in body["output_text"]


def test_a_refusal_is_an_event_with_status_and_reason(answering):
    (_, head), (_, body) = ask(signed_in(member(answering)), {**HELLO, "model": "no-such-model", "stream": True})

    assert head["status"] == 404
    assert body["error"]["code"] == "MODEL_NOT_FOUND"


def test_a_spent_playground_budget_refuses(answering):
    user = member(answering)
    client = signed_in(user)
    client.post(PLAYGROUND + "budget/", {"dollars": "0.01"})

    (_, head), (_, body) = ask(client, {**HELLO, "model": "sandbox-large", "max_tokens": 4_000})

    assert (head["status"], body["error"]["code"]) == (402, "BUDGET_EXCEEDED")


@pytest.mark.parametrize("body", ["not json", "[]", "3"])
def test_a_body_that_is_no_object_is_refused(answering, body):
    answer = signed_in(member(answering)).post(PLAYGROUND + "answer/", body, content_type="application/json")

    assert answer.status_code == 400


def test_pages_of_others_cannot_make_calls(answering):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member(answering))

    answer = client.post(PLAYGROUND + "answer/", msgspec.json.encode(HELLO), content_type="application/json")

    assert answer.status_code == 403
    assert not ApiKey.objects.for_tenant(answering).exists()


def test_the_call_becomes_code_with_a_placeholder_for_the_key(answering):
    body = {**HELLO, "model": "default", "temperature": 0.2, "stream": True}

    code = code_of(signed_in(member(answering)), body)

    assert code.count("YOUR_API_KEY") >= 5
    assert "temperature=0.2" in code
    assert "from anthropic import" in code


def test_code_with_tools_leaves_out_what_cannot_express_them(answering):
    body = {**HELLO, "tools": [{"type": "function", "function": {"name": "f"}}]}

    code = code_of(signed_in(member(answering)), body)

    assert "from anthropic import" not in code
    assert "&quot;tools&quot;" in code


def test_a_member_chooses_budget_and_team(answering):
    user, team = member(answering), make_team(answering)
    client = signed_in(user)

    answer = client.post(PLAYGROUND + "budget/", {"dollars": "2.5", "team": str(team.pk)})

    assert answer.headers["Location"] == PLAYGROUND
    budget, key = playground_budget(tenant=answering, user=user), playground_key(tenant=answering, user=user)
    assert budget is not None
    assert key is not None
    assert (budget.limit_nanousd, key.team) == (2_500_000_000, team)
    assert f"Counted under {team.name}" in client.get(PLAYGROUND).content.decode()


def test_the_budget_comes_alone_where_calls_may_have_changed_it(answering):
    client = signed_in(member(answering))
    ask(client, HELLO)

    part = client.get(PLAYGROUND, headers={"HX-Request": "true", "HX-Target": "pg-budget"}).content.decode()

    assert "$5.00" in part
    assert "playground-settings" not in part


@pytest.mark.parametrize("dollars", ["0", "-1", "much", "10001"])
def test_a_budget_out_of_range_is_refused_in_the_form(answering, dollars):
    answer = signed_in(member(answering)).post(PLAYGROUND + "budget/", {"dollars": dollars})

    assert answer.status_code == 200
    assert "is-invalid" in answer.content.decode()


def test_a_team_of_another_tenant_is_not_offered(answering):
    foreign = make_team()

    answer = signed_in(member(answering)).post(PLAYGROUND + "budget/", {"dollars": "1", "team": str(foreign.pk)})

    assert "is-invalid" in answer.content.decode()


def test_the_page_asks_few_questions(answering, django_assert_max_num_queries):
    client = signed_in(member(answering))
    client.get(PLAYGROUND)

    with django_assert_max_num_queries(20):
        client.get(PLAYGROUND)
