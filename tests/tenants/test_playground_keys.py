"""Keys that pages call with: made when needed, the same for all sessions, over when the person signs out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import timezone

from tenants.audit import AuditEntry
from tenants.keys import key_hash
from tenants.models import ApiKey, Budget, Tenant, User
from tenants.playground_keys import (
    BUDGET_NAME,
    DEFAULT_BUDGET_NANOUSD,
    LASTS,
    clear_playground_key,
    end_playground_keys,
    playground_budget,
    playground_key,
    set_playground,
)
from tenants.services import revoke_key
from tests.tenants.factories import make_team, make_tenant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def user():
    return make_user()


def key_of(tenant: Tenant, user: User) -> ApiKey:
    key = playground_key(tenant=tenant, user=user)
    assert key is not None
    return key


def budget_of(tenant: Tenant, user: User) -> Budget:
    budget = playground_budget(tenant=tenant, user=user)
    assert budget is not None
    return budget


def test_the_first_call_makes_a_short_lived_key_with_a_budget(tenant, user):
    clear = clear_playground_key(tenant=tenant, user=user)

    key = key_of(tenant, user)
    assert key.key_hash == key_hash(clear)
    assert clear.startswith(key.prefix)
    assert clear.endswith(key.last_four)
    assert key.expires_at is not None
    assert timezone.now() < key.expires_at <= timezone.now() + LASTS
    budget = budget_of(tenant, user)
    assert (budget.key_id, budget.limit_nanousd, budget.window) == (key.pk, DEFAULT_BUDGET_NANOUSD, "day")


def test_later_calls_use_the_same_key_and_write_nothing(tenant, user, django_assert_num_queries):
    clear = clear_playground_key(tenant=tenant, user=user)

    with django_assert_num_queries(1):
        assert clear_playground_key(tenant=tenant, user=user) == clear


def test_each_member_has_a_key_of_their_own_in_each_tenant(tenant, user):
    other = make_tenant()

    keys = {
        clear_playground_key(tenant=tenant, user=user),
        clear_playground_key(tenant=tenant, user=make_user()),
        clear_playground_key(tenant=other, user=user),
    }

    assert len(keys) == 3


def test_after_signing_out_the_text_is_no_key_and_the_next_call_renews_the_same_row(tenant, user):
    clear = clear_playground_key(tenant=tenant, user=user)
    request = RequestFactory().get("/")
    user_logged_out.send(sender=type(user), request=request, user=user)
    key = key_of(tenant, user)
    assert key.state() == "revoked"

    renewed = clear_playground_key(tenant=tenant, user=user)

    assert renewed != clear
    again = key_of(tenant, user)
    assert (again.pk, again.state(), again.key_hash) == (key.pk, "active", key_hash(renewed))
    assert Budget.objects.for_tenant(tenant).filter(name=BUDGET_NAME).count() == 1


def test_a_key_that_is_about_to_end_is_renewed(tenant, user):
    clear = clear_playground_key(tenant=tenant, user=user)
    ApiKey.objects.for_tenant(tenant).update(expires_at=timezone.now() + timedelta(seconds=30))

    assert clear_playground_key(tenant=tenant, user=user) != clear


def test_with_another_secret_key_the_old_text_ends(tenant, user, settings):
    clear = clear_playground_key(tenant=tenant, user=user)
    settings.SECRET_KEY = "another secret key, long enough for anybody"

    renewed = clear_playground_key(tenant=tenant, user=user)

    assert renewed != clear
    assert key_of(tenant, user).key_hash == key_hash(renewed)


def test_everything_is_audited(tenant, user):
    clear_playground_key(tenant=tenant, user=user)
    end_playground_keys(user)
    clear_playground_key(tenant=tenant, user=user)

    entries = AuditEntry.objects.filter(tenant_ref=str(tenant.pk), object_type="apikey").order_by("id")
    assert [entry.action for entry in entries] == ["created", "revoked", "rotated"]
    assert all("key_hash" not in {**entry.before, **entry.after} for entry in entries)


def test_a_member_chooses_amount_and_team(tenant, user):
    team = make_team(tenant)

    budget = set_playground(tenant=tenant, user=user, limit_nanousd=2_000_000_000, team=team)

    assert budget.limit_nanousd == 2_000_000_000
    assert key_of(tenant, user).team == team
    assert playground_budget(tenant=tenant, user=user) == budget


def test_a_team_of_another_tenant_is_refused(tenant, user):
    with pytest.raises(ValidationError, match="another tenant"):
        set_playground(tenant=tenant, user=user, limit_nanousd=1, team=make_team())


def test_a_key_that_somebody_revoked_comes_back_with_another_text(tenant, user):
    clear = clear_playground_key(tenant=tenant, user=user)
    revoke_key(key=key_of(tenant, user))

    assert clear_playground_key(tenant=tenant, user=user) != clear
