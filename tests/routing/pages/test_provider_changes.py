"""Creating, changing, testing, draining and deleting providers on pages."""

from __future__ import annotations

import pytest

from contracts.events import ProviderTested
from routing import trial
from routing.models import Provider
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.audit import AuditEntry
from tenants.models import StoredSecret
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

NEW = "/console/providers/new/?kind=openai"


def form(**changes) -> dict:
    return {
        "name": "openai",
        "base_url": "",
        "credential": "none",
        "max_in_flight": 100,
        "max_queue": 100,
        "connect_timeout_ms": 5000,
        "first_token_timeout_ms": 30000,
        "timeout_ms": 60000,
        "headers": "",
        "options": "{}",
        **changes,
    }


def test_first_the_kind_is_chosen(operator):
    shown = operator.get("/console/providers/new/").content.decode()

    assert "?kind=anthropic" in shown
    assert "OpenAI-compatible" in shown


def test_a_provider_is_created_with_its_models_and_its_public_address(operator):
    answer = operator.post(NEW, form(models=["gpt-4o-mini"]))

    provider = Provider.objects.get()
    assert answer.headers["Location"] == f"/console/providers/{provider.pk}/"
    assert provider.base_url == "https://api.openai.com/v1"
    assert [model.name for model in provider.models.all()] == ["gpt-4o-mini"]


def test_a_new_credential_is_stored_encrypted_and_referred_to(operator):
    operator.post(NEW, form(credential="new", new_name="openai-eu", new_value="sk-secret"))

    assert Provider.objects.get().secret_ref == "db:openai-eu"
    assert b"sk-secret" not in bytes(StoredSecret.objects.get().ciphertext)


def test_a_refused_form_creates_neither_secret_nor_provider_and_does_not_repeat_the_credential(operator):
    answer = operator.post(NEW, form(credential="new", new_name="s", new_value="sk-secret", headers="Authorization: x"))

    assert "looks like a credential" in answer.content.decode()
    assert "sk-secret" not in answer.content.decode()
    assert not StoredSecret.objects.exists()
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "has space"}, "Write letters, digits"),
        ({"base_url": "ftp://x"}, "Write an address"),
        ({"credential": "reference", "secret_ref": "sk-pasted"}, "never given in clear"),
        ({"credential": "reference", "secret_ref": ""}, "Say where the credential is"),
        ({"credential": "new"}, "Paste the credential."),
        ({"options": "[1]"}, "Write a JSON object"),
        ({"timeout_ms": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(operator, changes, words):
    shown = operator.post(NEW, form(**changes)).content.decode().replace("&#x27;", "'")

    assert words in shown
    assert not Provider.objects.exists()


def test_a_tenant_s_own_provider_uses_only_its_own_secrets(operator):
    tenant = make_tenant()

    shown = operator.post(
        NEW, form(tenant_choice=str(tenant.pk), credential="reference", secret_ref="env:OPENAI_API_KEY")
    ).content.decode()

    assert "own provider may only use" in shown
    assert not Provider.objects.exists()


def test_a_name_is_taken_once_per_owner(operator, sandbox):
    answer = operator.post(NEW, form(name="sandbox"), headers={"X-Validate": "name"})

    assert "There is a provider of this name already." in answer.content.decode()


def test_editing_changes_the_provider_with_one_audit_entry(operator, sandbox):
    before = AuditEntry.objects.filter(object_type="provider", action="updated").count()

    operator.post(f"/console/providers/{sandbox.pk}/edit/", form(name="sandbox", max_in_flight=7))

    sandbox.refresh_from_db()
    assert sandbox.max_in_flight == 7
    assert AuditEntry.objects.filter(object_type="provider", action="updated").count() == before + 1


def test_draining_and_enabling(operator, sandbox):
    operator.post(f"/console/providers/{sandbox.pk}/drain/")
    sandbox.refresh_from_db()
    assert not sandbox.enabled

    operator.post(f"/console/providers/{sandbox.pk}/enable/")
    sandbox.refresh_from_db()
    assert sandbox.enabled


def test_a_provider_in_use_is_not_deleted(operator, small):
    create_route(name="support", targets=[TargetChoice(model=small)])

    answer = operator.post(f"/console/providers/{small.provider_id}/delete/", {"typed": "sandbox"})

    assert "Routes still use its models" in answer.content.decode()
    assert Provider.objects.exists()


def test_a_provider_is_deleted_after_its_name_was_typed(operator, sandbox):
    path = f"/console/providers/{sandbox.pk}/delete/"

    assert "This is not the name." in operator.post(path, {"typed": "sandbx"}).content.decode()
    operator.post(path, {"typed": "sandbox"})

    assert not Provider.objects.exists()


def test_a_test_call_shows_the_answer_and_is_told_as_an_event(operator, small, monkeypatch):
    told: list = []
    monkeypatch.setattr(trial, "emit", lambda payload, context: told.append(payload))

    shown = operator.post(f"/console/providers/{small.provider_id}/test/").content.decode()

    assert "sandbox/small answers" in shown
    assert "sandbox://sandbox/chat" in shown
    assert [type(payload) for payload in told] == [ProviderTested]
    assert told[0].answered
    assert told[0].output_tokens > 0


def test_looking_at_the_page_of_a_test_sends_nothing(operator, small, monkeypatch):
    monkeypatch.setattr(trial, "emit", pytest.fail)

    assert operator.get(f"/console/providers/{small.provider_id}/test/").status_code == 200


def test_a_failing_provider_s_words_are_shown_without_the_credential(operator, monkeypatch):
    monkeypatch.setenv("BROKEN_KEY", "key-that-must-not-leak")
    provider = create_provider(
        name="broken", kind="openai", base_url="http://127.0.0.1:9/v1", secret_ref="env:BROKEN_KEY"
    )
    create_model(provider=provider, name="gpt")

    shown = operator.post(f"/console/providers/{provider.pk}/test/").content.decode()

    assert "broken/gpt does not answer" in shown
    assert "PROVIDER_UNAVAILABLE" in shown
    assert "Bearer ***" in shown
    assert "key-that-must-not-leak" not in shown


def test_auditors_and_members_change_no_provider(as_member, sandbox):
    tenant = make_tenant(slug="alpha")
    own = create_provider(name="own", kind="sandbox", tenant=tenant)
    owner = as_member(tenant, "owner")

    assert owner.get("/t/alpha/providers/new/").status_code == 404
    assert owner.post(f"/t/alpha/providers/{own.pk}/drain/").status_code == 404
    assert owner.post(f"/console/providers/{sandbox.pk}/drain/").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("developer", 200), ("viewer", 403), ("billing", 403)])
def test_those_who_manage_routes_test_their_own_provider(as_member, role, status):
    tenant = make_tenant(slug="alpha")
    own = create_provider(name="own", kind="sandbox", tenant=tenant)
    create_model(provider=own, name="small")

    assert as_member(tenant, role).post(f"/t/alpha/providers/{own.pk}/test/").status_code == status
