"""Who may do what with a tenant."""

import uuid
from contextlib import suppress

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.views.generic import View
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tenants import services
from tenants.grants import TenantGrant
from tenants.models import Membership, Tenant
from tenants.people import delete_user
from tenants.permissions import (
    TenantPermission,
    can,
    find_drift,
    permitted,
    repair_drift,
    require,
    role_permissions,
    tenant_for,
    tenants_of,
)
from tenants.roles import AUDITORS_MAY, LABELS, OPERATORS_MAY, ROLE_CHOICES, ROLES
from tenants.scoping import TenantScoped, tenant_scoped
from tests.tenants.factories import make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db


def member(role: str, tenant: Tenant | None = None):
    tenant, user = tenant or make_tenant(), make_user()
    services.set_membership(user=user, tenant=tenant, role=role)
    return user, tenant


def test_the_table_knows_every_permission_and_every_role():
    assert set(ROLES) == set(LABELS) == set(TenantPermission)
    assert [role for role, _ in ROLE_CHOICES] == Membership.Role.values
    assert frozenset().union(*ROLES.values()) <= set(Membership.Role.values)


@pytest.mark.parametrize("role", Membership.Role.values)
def test_a_member_may_exactly_what_the_table_gives_their_role(role):
    user, tenant = member(role)

    assert {permission for permission in TenantPermission if can(user, permission, tenant)} == role_permissions(role)


@pytest.mark.parametrize("permission", TenantPermission)
def test_a_member_may_nothing_with_another_tenant(permission):
    user, _ = member("owner")

    assert not can(user, permission, make_tenant())
    assert not can(make_user(), permission, make_tenant())
    assert not can(AnonymousUser(), permission, make_tenant())


def test_a_disabled_member_may_nothing():
    user, tenant = member("owner")
    user.is_active = False

    assert not any(can(user, permission, tenant) for permission in TenantPermission)
    assert not tenants_of(user).exists()


def test_an_unknown_permission_is_a_mistake_not_a_no():
    user, tenant = member("owner")

    for ask in (can, require):
        with pytest.raises(ValueError, match="manage_kezs"):
            ask(user, "manage_kezs", tenant)


def test_a_changed_role_changes_what_may_be_done_at_once():
    user, tenant = member("admin")
    services.set_membership(user=user, tenant=tenant, role="billing")

    assert can(user, "manage_budgets", tenant)
    assert not can(user, "manage_keys", tenant)


def test_a_removed_member_may_nothing():
    user, tenant = member("admin")
    services.delete_membership(membership=Membership.objects.for_tenant(tenant).get(user=user))

    assert not can(user, "view_tenant", tenant)
    assert not TenantGrant.objects.exists()


def test_grants_go_with_the_tenant_and_with_the_user():
    user, tenant = member("admin")
    services.delete_tenant(tenant=tenant)
    assert not TenantGrant.objects.exists()

    user, _tenant = member("viewer")
    delete_user(user=user)
    assert not TenantGrant.objects.exists()


def test_members_see_their_own_tenants_in_lists():
    user, tenant = member("billing")
    _, other = member("owner")
    services.set_membership(user=user, tenant=other, role="developer")
    make_tenant()

    assert set(tenants_of(user)) == {tenant, other}
    assert set(tenants_of(user, "manage_keys")) == {other}
    assert not tenants_of(user, "manage_prices").exists()


def test_superusers_operators_and_auditors_reach_every_tenant():
    tenant = make_tenant()
    operator, auditor = make_user(is_staff=True), make_user(is_staff=True)
    operator.groups.add(Group.objects.get(name="operator"))
    auditor.groups.add(Group.objects.get(name="auditor"))

    for user, allowed in ((make_operator(), OPERATORS_MAY), (operator, OPERATORS_MAY), (auditor, AUDITORS_MAY)):
        assert {permission for permission in TenantPermission if can(user, permission, tenant)} == allowed
        assert tenant in tenants_of(user)
    assert tenant not in tenants_of(auditor, "manage_keys")


def test_operators_may_not_make_themselves_superusers():
    held = set(Group.objects.get(name="operator").permissions.values_list("content_type__model", "codename"))

    assert ("apikey", "change_apikey") in held
    assert ("user", "view_user") in held
    assert not held & {("user", "change_user"), ("user", "add_user"), ("group", "change_group")}
    assert not [codename for _, codename in held if codename.endswith("tenantgrant")]


def test_auditors_may_only_look():
    codenames = Group.objects.get(name="auditor").permissions.values_list("codename", flat=True)

    assert {codename for codename in codenames if not codename.startswith("view_")} == {"export_audit"}
    assert "view_payloads" not in codenames


def test_require_says_what_may_not_be_done():
    user, tenant = member("viewer")

    require(user, "view_usage", tenant)
    with pytest.raises(PermissionDenied, match="create, rotate and revoke API keys"):
        require(user, "manage_keys", tenant)


def test_a_tenant_is_found_by_slug_and_by_id():
    user, tenant = member("viewer")

    assert tenant_for(user, "view_tenant", tenant.slug) == tenant
    assert tenant_for(user, "view_tenant", str(tenant.pk)) == tenant
    assert tenant_for(user, "view_tenant", tenant.pk) == tenant
    with pytest.raises(PermissionDenied):
        tenant_for(user, "manage_keys", tenant.slug)


def test_somebody_elses_tenant_looks_like_none():
    user, _ = member("owner")
    messages = set()
    for reference in (make_tenant().slug, "no-such-tenant", uuid.uuid4(), "x" * 36):
        with pytest.raises(Http404) as caught:
            tenant_for(user, "view_tenant", reference)
        messages.add(str(caught.value))
    assert len(messages) == 1


class KeysPage(TenantScoped, View):
    write_permission = TenantPermission.MANAGE_KEYS

    def get(self, request):
        return HttpResponse(self.tenant.slug)

    def post(self, request):
        return HttpResponse("written")


@tenant_scoped(TenantPermission.MANAGE_KEYS)
def keys_page(request, tenant):
    return HttpResponse(tenant.slug)


def ask(view, user, tenant, method="get"):
    request = getattr(RequestFactory(), method)("/portal/")
    request.user = user
    return view(request, tenant=tenant.slug)


def test_a_scoped_page_hides_tenants_and_guards_writing():
    user, tenant = member("viewer")
    page = KeysPage.as_view()

    assert ask(page, user, tenant).content == tenant.slug.encode()
    with pytest.raises(PermissionDenied):
        ask(page, user, tenant, "post")
    with pytest.raises(Http404):
        ask(page, make_user(), tenant)
    with pytest.raises(Http404):
        ask(page, make_user(), tenant, "post")
    assert ask(page, AnonymousUser(), tenant).status_code == 302


def test_a_scoped_function_hides_tenants_too():
    user, tenant = member("viewer")
    developer, _ = member("developer", tenant)

    assert ask(keys_page, developer, tenant).content == tenant.slug.encode()
    with pytest.raises(PermissionDenied):
        ask(keys_page, user, tenant)
    with pytest.raises(Http404):
        ask(keys_page, make_user(), tenant)
    assert ask(keys_page, AnonymousUser(), tenant).status_code == 302


def test_the_last_owner_can_be_neither_demoted_nor_removed():
    user, tenant = member("owner")
    membership = Membership.objects.for_tenant(tenant).get()

    with pytest.raises(ValidationError, match="at least one owner"):
        services.set_membership(user=user, tenant=tenant, role="admin")
    with pytest.raises(ValidationError, match="at least one owner"):
        services.delete_membership(membership=membership)
    with pytest.raises(ValidationError, match="at least one owner"):
        delete_user(user=user)
    assert can(user, "manage_members", tenant)


def test_an_owner_with_another_beside_them_can_go():
    user, tenant = member("owner")
    member("owner", tenant)

    services.set_membership(user=user, tenant=tenant, role="viewer")

    assert Membership.objects.for_tenant(tenant).filter(role="owner").count() == 1


def test_a_membership_cannot_move_to_another_tenant():
    _user, tenant = member("viewer")
    membership = Membership.objects.for_tenant(tenant).get()
    membership.tenant = make_tenant()

    with pytest.raises(ValidationError, match="cannot move"):
        membership.full_clean()


def test_drift_is_found_told_and_repaired(capsys):
    user, tenant = member("viewer")
    stranger = make_user()
    key = Permission.objects.get(codename="manage_keys", content_type__app_label="tenants")
    TenantGrant.objects.create(user=stranger, content_object=tenant, permission=key)
    TenantGrant.objects.filter(user=user, permission__codename="view_runs").delete()

    found = {(drift.user, drift.role, drift.missing, drift.surplus) for drift in find_drift()}
    assert found == {
        (user.username, "viewer", ("view_runs",), ()),
        (stranger.username, "", (), ("manage_keys",)),
    }
    with pytest.raises(CommandError, match="2 differences"):
        call_command("check_access")
    assert "manage_keys" in capsys.readouterr().out

    call_command("check_access", repair=True)
    assert find_drift() == []
    assert not can(stranger, "manage_keys", tenant)
    assert can(user, "view_runs", tenant)
    call_command("check_access")


class GrantsFollowMemberships(TestCase):
    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*Membership.Role.values, None])), max_size=8))
    def test_whatever_happens_to_memberships_nothing_drifts(self, changes):
        tenant = make_tenant()
        users = [make_user() for _ in range(3)]
        for index, role in changes:
            with suppress(ValidationError):  # the last owner stays
                if role is not None:
                    services.set_membership(user=users[index], tenant=tenant, role=role)
                elif found := Membership.objects.for_tenant(tenant).filter(user=users[index]).first():
                    services.delete_membership(membership=found)
        assert find_drift() == []
        assert repair_drift() == []


@pytest.mark.parametrize("role", [*Membership.Role.values, ""])
def test_what_is_permitted_at_once_is_what_is_permitted_one_by_one(role):
    tenant, user = make_tenant(), make_user()
    if role:
        services.set_membership(tenant=tenant, user=user, role=role)
    for person in (user, make_operator(), make_user(is_active=False)):
        assert permitted(person, tenant) == {one for one in TenantPermission if can(person, one, tenant)}
