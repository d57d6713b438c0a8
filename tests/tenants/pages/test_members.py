"""Members, invitations and teams of a tenant."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone

from tenants import services
from tenants.audit import AuditEntry
from tenants.models import Invitation, Membership, Team
from tenants.roles import ROLES
from tenants.signing_in.invitations import invite
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant
from tests.tenants.pages.people import body_of, client_of, member

pytestmark = pytest.mark.django_db


def role_of(user, tenant):
    return Membership.objects.for_tenant(tenant).get(user=user).role


@pytest.mark.parametrize("role", ["owner", "admin", "developer", "viewer", "billing"])
def test_every_member_sees_who_the_members_are(tenant, role):
    member(tenant, username="ada")
    client = client_of(member(tenant, role))

    body = body_of(client.get("/t/acme/members/"))

    assert "ada" in body
    assert ("Second factor" in body) == (role in ("owner", "admin"))
    assert ("Invite somebody" in body) == (role in ("owner", "admin"))


def test_the_list_of_members_asks_the_database_a_bounded_number_of_times(tenant, owner, django_assert_max_num_queries):
    for _ in range(20):
        member(tenant, "viewer")

    with django_assert_max_num_queries(26):
        assert owner.get("/t/acme/members/").status_code == 200


def test_the_table_of_roles_is_the_one_that_is_enforced(owner):
    body = body_of(owner.get("/t/acme/members/roles/"))

    given = sum(len(roles) for roles in ROLES.values())
    assert body.count('class="role-yes"') == given


@pytest.mark.parametrize(
    "path",
    ["members/invite/", "members/invitations/"],
)
def test_only_who_manages_members_invites(tenant, path):
    assert client_of(member(tenant, "developer")).get(f"/t/acme/{path}").status_code == 403


def test_somebody_is_invited_by_mail(tenant, owner, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner.post("/t/acme/members/invite/", {"email": "grace@example.org", "role": "developer"})

    assert answer.headers["Location"] == "/t/acme/members/invitations/"
    assert mail.outbox[0].to == ["grace@example.org"]
    assert "/account/join/" in mail.outbox[0].body
    assert "grace@example.org" in body_of(owner.get("/t/acme/members/invitations/"))


def test_who_is_a_member_already_is_not_invited(tenant, owner):
    member(tenant, "viewer", email="grace@example.org")

    answer = owner.post("/t/acme/members/invite/", {"email": "grace@example.org", "role": "developer"})

    assert "This person is a member already." in body_of(answer)
    assert not Invitation.objects.filter(tenant=tenant).exists()


def test_an_admin_invites_no_owner(tenant):
    client = client_of(member(tenant, "admin"))

    answer = client.post("/t/acme/members/invite/", {"email": "grace@example.org", "role": "owner"})

    assert "Select a valid choice" in body_of(answer)
    assert not Invitation.objects.filter(tenant=tenant).exists()


def test_an_invitation_is_sent_again_and_revoked(tenant, django_capture_on_commit_callbacks):
    boss = member(tenant)
    client = client_of(boss)
    invitation = invite(tenant=tenant, email="grace@example.org", role="viewer", by=boss)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/t/acme/members/invitations/{invitation.pk}/resend/")
    client.post(f"/t/acme/members/invitations/{invitation.pk}/revoke/")

    assert len(mail.outbox) == 1
    invitation.refresh_from_db()
    assert invitation.state() == "withdrawn"


def test_an_invitation_that_was_used_is_not_sent_again(tenant, owner):
    invitation = Invitation.objects.create(
        tenant=tenant, email="x@example.org", role="viewer", expires_at=timezone.now(), accepted_at=timezone.now()
    )

    body = body_of(owner.post(f"/t/acme/members/invitations/{invitation.pk}/resend/", follow=True))

    assert "accepted already" in body


def test_a_member_gets_another_role(tenant, owner):
    grace = member(tenant, "viewer", username="grace")
    membership = Membership.objects.for_tenant(tenant).get(user=grace)

    owner.post(f"/t/acme/members/{membership.pk}/role/", {"role": "billing"})

    assert role_of(grace, tenant) == "billing"
    entry = AuditEntry.objects.filter(object_type="membership", action="updated").get()
    assert (entry.before, entry.after) == ({"role": "viewer"}, {"role": "billing"})


def test_an_admin_makes_nobody_owner_and_removes_none(tenant):
    boss = member(tenant)
    member(tenant)
    grace = member(tenant, "viewer")
    client = client_of(member(tenant, "admin"))
    theirs = Membership.objects.for_tenant(tenant).get(user=grace)
    of_boss = Membership.objects.for_tenant(tenant).get(user=boss)

    client.post(f"/t/acme/members/{theirs.pk}/role/", {"role": "owner"})
    assert client.post(f"/t/acme/members/{of_boss.pk}/role/", {"role": "viewer"}).status_code == 403
    assert client.post(f"/t/acme/members/{of_boss.pk}/remove/").status_code == 403

    assert (role_of(grace, tenant), role_of(boss, tenant)) == ("viewer", "owner")


def test_the_last_owner_stays(tenant):
    boss = member(tenant)
    client = client_of(boss)
    membership = Membership.objects.for_tenant(tenant).get(user=boss)

    removed = body_of(client.post(f"/t/acme/members/{membership.pk}/remove/", follow=True))
    changed = body_of(client.post(f"/t/acme/members/{membership.pk}/role/", {"role": "viewer"}))

    assert "A tenant keeps at least one owner" in removed
    assert "A tenant keeps at least one owner" in changed
    assert "Only owner" in body_of(client.get("/t/acme/members/"))


def test_a_member_is_removed(tenant, owner):
    grace = member(tenant, "viewer")
    membership = Membership.objects.for_tenant(tenant).get(user=grace)

    owner.post(f"/t/acme/members/{membership.pk}/remove/")

    assert client_of(grace).get("/t/acme/members/").status_code == 404


def test_members_of_other_tenants_are_out_of_reach(owner):
    other = make_tenant()
    theirs = Membership.objects.for_tenant(other).get(user=member(other))
    invitation = invite(tenant=other, email="x@example.org", role="viewer", by=make_operator())

    assert owner.post(f"/t/acme/members/{theirs.pk}/remove/").status_code == 404
    assert owner.get(f"/t/acme/members/{theirs.pk}/role/").status_code == 404
    assert owner.post(f"/t/acme/members/invitations/{invitation.pk}/revoke/").status_code == 404


# --- teams ---------------------------------------------------------------------------------------------


def test_a_team_is_created_renamed_and_deleted(tenant, owner):
    owner.post("/t/acme/teams/new/", {"name": "Search"})
    team = Team.objects.for_tenant(tenant).get()
    owner.post(f"/t/acme/teams/{team.pk}/edit/", {"name": "Discovery"})
    assert "Discovery" in body_of(owner.get("/t/acme/teams/"))
    owner.post(f"/t/acme/teams/{team.pk}/delete/")

    assert not Team.objects.for_tenant(tenant).exists()
    actions = AuditEntry.objects.filter(object_type="team").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["created", "updated", "deleted"]


def test_two_teams_of_one_name_are_refused(tenant, owner):
    make_team(tenant, name="Search")

    assert "a team of this name already" in body_of(owner.post("/t/acme/teams/new/", {"name": "Search"}))


def test_a_team_with_keys_stays(tenant, owner):
    team = make_team(tenant)
    make_key(tenant, team=team)

    body = body_of(owner.post(f"/t/acme/teams/{team.pk}/delete/", follow=True))

    assert "still has keys" in body
    assert Team.objects.for_tenant(tenant).exists()


@pytest.mark.parametrize("sort", ["name", "-key_count", "-limit_count", "-budget_count", "-spent"])
def test_teams_are_sorted_by_every_column(tenant, owner, sort):
    make_team(tenant)

    assert owner.get(f"/t/acme/teams/?sort={sort}").status_code == 200


def test_who_may_not_see_costs_sees_none_of_teams(tenant):
    services.create_team(tenant=tenant, name="Search")

    assert "Spent this month" not in body_of(client_of(member(tenant, "viewer")).get("/t/acme/teams/"))
    assert "Spent this month" in body_of(client_of(member(tenant, "billing")).get("/t/acme/teams/"))


def test_only_who_manages_teams_changes_them(tenant):
    team = make_team(tenant)
    client = client_of(member(tenant, "developer"))

    assert client.get("/t/acme/teams/new/").status_code == 403
    assert client.post(f"/t/acme/teams/{team.pk}/delete/").status_code == 403


def test_teams_of_other_tenants_are_out_of_reach(owner):
    theirs = make_team()

    assert owner.get(f"/t/acme/teams/{theirs.pk}/edit/").status_code == 404
