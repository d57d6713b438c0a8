"""Invitations into a tenant."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from tenants import services
from tenants.audit import AuditEntry
from tenants.invitation_rows import Invitation
from tenants.models import Membership, User
from tenants.permissions import can
from tenants.signing_in.invitations import VALID_FOR, accept, invitation_of, invite, link, withdraw
from tests.tenants.factories import make_operator, make_tenant, make_user
from tests.tenants.signing_in.people import PASSWORD

pytestmark = pytest.mark.django_db

NEW = {"username": "grace", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def admin(tenant):
    user = make_user(username="boss")
    services.set_membership(user=user, tenant=tenant, role="admin")
    return user


def path_of(invitation: Invitation) -> str:
    return link(invitation)


def test_an_invited_person_makes_an_account_and_is_a_member(
    client, tenant, admin, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        invitation = invite(
            tenant=tenant, email="grace@example.org", role="developer", by=admin, site="https://console.example.com"
        )
    (mail,) = mailoutbox
    assert mail.to == ["grace@example.org"]
    sent = re.search(r"https://console.example.com(/account/join/\S+/)\n", mail.body)
    assert sent is not None
    assert "boss invites you to Acme as developer" in mail.body

    page = client.get(sent[1])
    assert "Join Acme" in page.content.decode()
    answer = client.post(sent[1], NEW)

    assert answer["Location"] == "/account/"
    assert invitation_of(path_of(invitation).split("/")[-2]) is None
    grace = User.objects.get(username="grace")
    assert grace.email == "grace@example.org"
    assert grace.check_password(PASSWORD)
    assert can(grace, "manage_keys", tenant)
    assert client.session["_auth_user_id"] == str(grace.pk)


def test_every_step_is_audited_for_the_tenant(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    client.post(path_of(invitation), NEW)

    steps = AuditEntry.objects.filter(tenant_ref=str(tenant.pk), object_type__in=["invitation", "membership"])
    assert [(step.object_type, step.action, step.actor) for step in steps.order_by("id")][1:] == [
        ("invitation", "invited", "system"),
        ("invitation", "updated", "grace"),
        ("membership", "created", "grace"),
    ]
    user = AuditEntry.objects.get(object_type="user", object_name="grace")
    assert (user.action, user.actor) == ("created", "grace")
    assert PASSWORD not in str([entry.after for entry in AuditEntry.objects.all()])


def test_a_link_works_once(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    client.post(path_of(invitation), NEW)
    client.post("/account/logout/")

    assert client.get(path_of(invitation)).status_code == 410
    assert client.post(path_of(invitation), {**NEW, "username": "eve"}).status_code == 410
    with pytest.raises(ValidationError, match="holds no longer"):
        accept(invitation=invitation, user=make_user())


def test_a_link_expires(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    Invitation._base_manager.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert client.get(path_of(invitation)).status_code == 410


def test_a_withdrawn_link_is_dead(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    path = path_of(invitation)
    withdraw(invitation=invitation, by=admin)

    assert client.get(path).status_code == 410
    assert AuditEntry.objects.filter(object_type="invitation", action="revoked").exists()


def test_a_second_invitation_replaces_the_first(tenant, admin):
    first = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    second = invite(tenant=tenant, email="Grace@example.org", role="developer", by=admin)

    assert invitation_of(path_of(first).split("/")[-2]) is None
    assert invitation_of(path_of(second).split("/")[-2]) == second


def test_a_link_cannot_be_made_up(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    forged = signing.dumps(str(invitation.pk), salt="elsewhere")

    for token in (forged, str(invitation.pk), path_of(invitation).split("/")[-2][:-1] + "x"):
        assert client.get(f"/account/join/{token}/").status_code == 410


def test_the_link_of_a_suspended_tenant_waits(client, tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)
    services.update_tenant(tenant=tenant, active=False)

    assert client.get(path_of(invitation)).status_code == 410


def test_who_has_an_account_signs_in_to_it_first(client, tenant, admin):
    ada = make_user(username="ada", email="ada@example.org", password=PASSWORD)
    invitation = invite(tenant=tenant, email="ADA@example.org", role="viewer", by=admin)

    assert "This address has an account" in client.get(path_of(invitation)).content.decode()
    assert "This address has an account" in client.post(path_of(invitation), NEW).content.decode()
    client.force_login(make_user(username="other"))
    assert "signed in as other" in client.post(path_of(invitation)).content.decode()
    assert not Membership.objects.for_tenant(tenant).exclude(user=admin).exists()

    client.force_login(ada)
    assert client.post(path_of(invitation))["Location"] == "/account/"
    assert Membership.objects.for_tenant(tenant).get(user=ada).role == "viewer"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"again": "something else"}, "two different passwords"),
        ({"password": "short", "again": "short"}, "too short"),
        ({"username": "BOSS"}, "has this name already"),
        ({"username": "a b"}, "Enter a valid username"),
    ],
)
def test_an_account_that_cannot_be_is_sent_back_with_the_reason(client, tenant, admin, form, problem):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)

    answer = client.post(path_of(invitation), {**NEW, **form})

    assert problem in answer.content.decode()
    assert not User.objects.filter(email="grace@example.org").exists()


def test_members_are_invited_by_who_may_manage_them(tenant):
    viewer = make_user()
    services.set_membership(user=viewer, tenant=tenant, role="viewer")

    for by in (viewer, make_user()):
        with pytest.raises(PermissionDenied):
            invite(tenant=tenant, email="grace@example.org", role="viewer", by=by)
    assert invite(tenant=tenant, email="grace@example.org", role="owner", by=make_operator())


def test_only_owners_and_operators_invite_owners(tenant, admin):
    with pytest.raises(PermissionDenied, match="Only owners"):
        invite(tenant=tenant, email="grace@example.org", role="owner", by=admin)

    owner, operator = make_user(), make_user(is_staff=True)
    services.set_membership(user=owner, tenant=tenant, role="owner")
    operator.groups.add(Group.objects.get(name="operator"))
    for by in (owner, operator):
        assert invite(tenant=tenant, email="grace@example.org", role="owner", by=by).role == "owner"


@pytest.mark.parametrize(("email", "role"), [("not an address", "viewer"), ("grace@example.org", "emperor")])
def test_what_is_not_valid_is_not_sent(tenant, admin, mailoutbox, email, role):
    with pytest.raises(ValidationError):
        invite(tenant=tenant, email=email, role=role, by=admin)
    assert mailoutbox == []


def test_a_member_is_not_invited_again(tenant, admin):
    with pytest.raises(ValidationError, match="member already"):
        invite(tenant=tenant, email=admin.email.upper(), role="viewer", by=admin)


def test_a_mail_server_that_is_down_keeps_the_invitation(
    tenant, admin, settings, caplog, django_capture_on_commit_callbacks
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    with django_capture_on_commit_callbacks(execute=True):
        invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)

    assert invitation.state() == "open"
    assert "cannot send the invitation" in caplog.text


def test_invitations_hold_for_a_week(tenant, admin):
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=admin)

    assert timedelta(days=7) == VALID_FOR
    assert invitation.expires_at - timezone.now() <= VALID_FOR
