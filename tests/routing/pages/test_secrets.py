"""Secrets on pages: references, checks, new values; never a value."""

from __future__ import annotations

import pytest

from contracts.events import SecretAccessed
from routing.services import create_provider
from tenants.models import StoredSecret
from tenants.secret_services import create_secret
from tenants.secrets import checking
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

VALUE = "sk-must-not-be-shown"


@pytest.fixture
def told(monkeypatch) -> list[SecretAccessed]:
    """The events of checks."""
    events: list = []
    monkeypatch.setattr(checking, "emit", lambda payload, context: events.append(payload))
    return events


def test_references_are_listed_with_who_uses_them_and_without_values(operator):
    create_secret(name="openai", value=VALUE)
    create_provider(name="first", kind="openai", secret_ref="db:openai")
    create_provider(name="second", kind="openai", secret_ref="env:NOWHERE")

    shown = operator.get("/console/secrets/").content.decode()

    assert "db:openai" in shown
    assert "env:NOWHERE" in shown
    assert ">first</a>" in shown
    assert VALUE not in shown


def test_a_reference_to_a_secret_that_is_not_stored_is_flagged(operator):
    create_provider(name="first", kind="openai", secret_ref="db:forgotten")

    shown = operator.get("/console/secrets/").content.decode()

    assert "Not stored" in shown
    assert "Store it" in shown


def test_members_see_their_own_secrets_and_no_others(as_member):
    tenant = make_tenant(slug="alpha")
    create_secret(name="ours", value=VALUE, tenant=tenant)
    foreign = create_secret(name="foreign", value=VALUE, tenant=make_tenant())
    create_secret(name="platform-wide", value=VALUE)
    owner = as_member(tenant, "owner")

    shown = owner.get("/t/alpha/secrets/").content.decode()

    assert "db:ours" in shown
    assert "foreign" not in shown
    assert "platform-wide" not in shown
    assert owner.post(f"/t/alpha/secrets/{foreign.pk}/value/", {"value": "x"}).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("admin", 302), ("developer", 403)])
def test_those_who_manage_secrets_store_one_for_their_tenant(as_member, role, status):
    tenant = make_tenant(slug="alpha")

    answer = as_member(tenant, role).post("/t/alpha/secrets/new/", {"name": "openai", "value": VALUE})

    assert answer.status_code == status
    assert StoredSecret.objects.for_tenant(tenant.pk).count() == (status == 302)


def test_a_new_value_is_stored_as_a_new_version(operator):
    secret = create_secret(name="openai", value=VALUE)

    operator.post(f"/console/secrets/{secret.pk}/value/", {"value": "sk-new"})

    secret.refresh_from_db()
    assert secret.value_version == 2


def test_a_value_that_cannot_be_sent_is_refused_without_being_repeated(operator):
    answer = operator.post("/console/secrets/new/", {"name": "openai", "value": "snöwman-secret"})

    assert "cannot be sent in a header" in answer.content.decode()
    assert "snöwman-secret" not in answer.content.decode()


def test_deleting_says_who_goes_without_a_credential(operator):
    secret = create_secret(name="openai", value=VALUE)
    create_provider(name="first", kind="openai", secret_ref="db:openai")

    assert "first" in operator.get(f"/console/secrets/{secret.pk}/delete/").content.decode()
    operator.post(f"/console/secrets/{secret.pk}/delete/", {"typed": "openai"})

    assert not StoredSecret.objects.exists()


@pytest.mark.parametrize(
    ("reference", "words", "outcome"),
    [
        ("env:PRESENT_KEY", "Resolves", "read"),
        ("env:ABSENT_KEY", "Missing", "missing"),
        ("db:nothing", "Missing", "missing"),
        ("sk-pasted-by-mistake", "Not a reference", None),
    ],
)
def test_a_check_says_whether_a_reference_resolves_and_no_more(operator, monkeypatch, told, reference, words, outcome):
    monkeypatch.setenv("PRESENT_KEY", VALUE)

    answer = operator.post("/console/secrets/check/", {"secret_ref": reference}, headers={"HX-Request": "true"})

    shown = answer.content.decode()
    assert words in shown
    assert VALUE not in shown
    assert "sk-pasted" not in shown
    assert [event.outcome for event in told] == ([] if outcome is None else [outcome])
    assert all(event.reason == "checked" for event in told)


def test_a_tenant_s_check_does_not_reach_the_platform_s_secrets(as_member, monkeypatch, told):
    monkeypatch.setenv("PRESENT_KEY", VALUE)
    create_secret(name="openai", value=VALUE)
    owner = as_member(make_tenant(slug="alpha"), "owner")

    def check(reference: str) -> str:
        headers = {"HX-Request": "true"}
        return owner.post("/t/alpha/secrets/check/", {"secret_ref": reference}, headers=headers).content.decode()

    assert "Not a reference" in check("env:PRESENT_KEY")
    assert "Missing" in check("db:openai")


def test_viewers_check_nothing(as_member):
    viewer = as_member(make_tenant(slug="alpha"), "viewer")

    assert viewer.post("/t/alpha/secrets/check/", {"secret_ref": "db:x"}).status_code == 403
