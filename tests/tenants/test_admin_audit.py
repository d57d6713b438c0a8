"""The audit log and erasure in the admin."""

import pytest
from django.urls import reverse

from tenants import services
from tenants.audit import AuditEntry
from tenants.data_protection import pseudonym_of
from tests.tenants.factories import make_operator, make_team, make_tenant

pytestmark = pytest.mark.django_db
LIST = "admin:tenants_auditentry_changelist"


@pytest.fixture
def operator(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    client.force_login(make_operator(username="olga"))
    return client


def test_entries_are_found_by_words_of_what_was_changed(operator):
    services.update_tenant(tenant=make_tenant(), name="Blue Harbour")
    make_team(name="Unrelated")

    page = operator.get(reverse(LIST), {"q": "harbour"})

    assert [entry.action for entry in page.context["cl"].result_list] == ["updated"]


@pytest.mark.parametrize(
    ("action", "kind"), [("export_csv", "text/csv"), ("export_json_lines", "application/x-ndjson")]
)
def test_selected_entries_are_exported_and_the_export_is_noted(operator, action, kind):
    make_tenant(name="Chosen")
    chosen = AuditEntry.objects.get(object_type="tenant")
    make_tenant(name="Left out")

    answer = operator.post(reverse(LIST), {"action": action, "_selected_action": [chosen.pk]})

    text = b"".join(answer.streaming_content).decode()
    assert answer["Content-Type"].startswith(kind)
    assert "Chosen" in text
    assert "Left out" not in text
    assert AuditEntry.objects.get(action="exported").actor == "olga"


def test_an_end_user_is_erased_from_the_tenants_page(operator):
    tenant = make_tenant()
    page = reverse("admin:tenants_tenant_erase", args=(tenant.pk,))

    assert "Erase an end user" in operator.get(page).content.decode()
    answer = operator.post(page, {"end_user": "ann"}, follow=True)

    assert f"Erased as {pseudonym_of(tenant.pk, 'ann')}" in answer.content.decode()
    assert AuditEntry.objects.get(action="erased").actor == "olga"


def test_an_erasure_without_a_name_is_asked_for_again(operator):
    page = reverse("admin:tenants_tenant_erase", args=(make_tenant().pk,))

    answer = operator.post(page, {"end_user": "erased-1"})

    assert answer.status_code == 200
    assert "pseudonym of somebody who was erased already" in answer.content.decode()
