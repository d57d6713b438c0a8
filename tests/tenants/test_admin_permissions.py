"""Who may do what in the admin: superusers all, operators the platform's business, auditors nothing but look."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from tenants import services
from tenants.audit import AuditEntry
from tenants.invitation_rows import Invitation
from tenants.models import Tenant, User
from tests.tenants.factories import make_key, make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    def sign_in(group: str) -> User:
        user = make_user(username=group, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return user

    return sign_in


def pages():
    for model, model_admin in admin.site._registry.items():
        yield model_admin, f"admin:{model._meta.app_label}_{model._meta.model_name}"


def owned(model) -> bool:
    """Whether the model is one of ours: accounts of the platform's own people are for superusers."""
    return model._meta.app_label not in ("auth", "guardian")


def test_auditors_read_every_list_and_add_nowhere(client, staff):
    staff("auditor")
    make_key()
    for model_admin, name in pages():
        if not owned(model_admin.model):
            continue
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, name
        assert client.get(reverse(f"{name}_add")).status_code == 403, name


def test_auditors_read_rows_and_change_none(client, staff):
    key = make_key()
    staff("auditor")
    for model, row in (("tenant", key.tenant), ("apikey", key)):
        page = reverse(f"admin:tenants_{model}_change", args=(row.pk,))
        assert client.get(page).status_code == 200
        assert client.post(page, {"name": "mine now"}).status_code == 403
        assert client.post(reverse(f"admin:tenants_{model}_delete", args=(row.pk,)), {"post": "yes"}).status_code == 403
    for action in ("rotate", "revoke"):
        assert (
            client.post(reverse(f"admin:tenants_apikey_{action}", args=(key.pk,)), {"overlap_hours": 1}).status_code
            == 403
        )
    client.post(
        reverse("admin:tenants_tenant_changelist"), {"action": "suspend", "_selected_action": [str(key.tenant_id)]}
    )
    key.refresh_from_db()
    assert Tenant.objects.get(pk=key.tenant_id).active
    assert key.state() == "active"


def test_operators_run_the_platform(client, staff):
    staff("operator")
    tenant = make_tenant()
    for model_admin, name in pages():
        if owned(model_admin.model):
            assert client.get(reverse(f"{name}_changelist")).status_code == 200, name
    client.post(reverse("admin:tenants_tenant_changelist"), {"action": "suspend", "_selected_action": [str(tenant.pk)]})
    assert not Tenant.objects.get(pk=tenant.pk).active


def test_operators_make_nobody_more_than_they_are(client, staff):
    user = staff("operator")
    other = make_operator()

    for target in (user, other):
        page = reverse("admin:tenants_user_change", args=(target.pk,))
        assert client.get(page).status_code == 200
        assert client.post(page, {"username": target.username, "is_superuser": "on"}).status_code == 403
    assert client.get(reverse("admin:auth_group_changelist")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=(other.pk,))
    assert client.post(password, {"password1": "x" * 14, "password2": "x" * 14}).status_code == 403


def test_whoever_changes_users_changes_neither_rights_nor_superusers(client, staff):
    helper = staff("operator")
    helper.user_permissions.add(Permission.objects.get(codename="change_user", content_type__app_label="tenants"))
    superuser, member = make_operator(), make_user()
    empty = {f"memberships-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}

    form = {"username": "renamed", "email": "renamed@example.org", "is_active": "on", "is_superuser": "on", **empty}
    answer = client.post(reverse("admin:tenants_user_change", args=(member.pk,)), form)
    assert answer.status_code == 302, answer.context["errors"]
    member.refresh_from_db()
    assert (member.username, member.is_superuser, member.is_staff) == ("renamed", False, False)
    page = reverse("admin:tenants_user_change", args=(superuser.pk,))
    assert client.post(page, form).status_code == 403


def test_second_factors_of_somebody_who_lost_their_phone_are_removed(client):
    client.force_login(make_operator(username="boss"))
    user = make_user(username="ada")
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})

    client.post(
        reverse("admin:tenants_user_changelist"),
        {"action": "remove_second_factors", "_selected_action": [str(user.pk)]},
    )

    assert not Authenticator.objects.exists()
    entry = AuditEntry.objects.filter(object_type="user").first()
    assert entry is not None
    assert (entry.actor, entry.before, entry.after) == ("boss", {"second_factors": ["totp"]}, {"second_factors": []})


def test_an_invitation_is_sent_from_the_admin_and_withdrawn(
    client, staff, mailoutbox, django_capture_on_commit_callbacks
):
    staff("operator")
    tenant = make_tenant(name="Acme")
    form = {"tenant": str(tenant.pk), "email": "grace@example.org", "role": "owner"}

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("admin:tenants_invitation_add"), form)

    assert answer.status_code == 302, answer.context["errors"]
    assert "http://testserver/account/join/" in mailoutbox[0].body
    invitation = Invitation.objects.get()
    assert invitation.invited_by == "operator"
    assert AuditEntry.objects.filter(action="invited", actor="operator", object_type="invitation").exists()
    client.post(
        reverse("admin:tenants_invitation_changelist"),
        {"action": "withdraw_selected", "_selected_action": [str(invitation.pk)]},
    )
    invitation.refresh_from_db()
    assert invitation.state() == "withdrawn"


def test_an_invitation_of_a_member_is_sent_back(client, staff):
    staff("operator")
    tenant, member = make_tenant(), make_user(email="ada@example.org")
    services.set_membership(user=member, tenant=tenant, role="viewer")
    form = {"tenant": str(tenant.pk), "email": "Ada@example.org", "role": "viewer"}

    answer = client.post(reverse("admin:tenants_invitation_add"), form)

    assert "member already" in answer.content.decode()
    assert not Invitation.objects.exists()


def test_the_rows_of_the_sign_in_library_are_not_edited_here():
    for model_admin, _name in pages():
        assert model_admin.model._meta.app_label not in ("account", "mfa", "socialaccount")
