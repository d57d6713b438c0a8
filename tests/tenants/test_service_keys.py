"""Service keys: who may manage what."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from tenants.audit import AuditEntry
from tenants.models import ServiceKey
from tenants.service_keys import (
    authenticate,
    create_service_key,
    revoke_service_key,
    rotate_service_key,
    update_service_key,
)
from tenants.services import update_tenant
from tests.tenants.factories import make_key, make_tenant

pytestmark = pytest.mark.django_db


def test_a_tenants_key_is_a_principal_of_that_tenant_only():
    tenant, other = make_tenant(), make_tenant()
    key, clear = create_service_key(name="terraform", tenant=tenant, scopes=["manage"])

    principal = authenticate(clear, "10.0.0.1")

    assert principal is not None
    assert (principal.key_id, principal.tenant_id, principal.name) == (key.pk, tenant.pk, "terraform")
    assert (principal.may_read, principal.may_write, principal.of_platform) == (True, True, False)
    assert (principal.may_manage(tenant.pk), principal.may_manage(other.pk)) == (True, False)
    assert str(key.pk) in principal.actor_name


def test_a_key_without_a_tenant_manages_the_installation():
    _key, clear = create_service_key(name="backup")

    principal = authenticate(clear, "10.0.0.1")

    assert principal is not None
    assert principal.of_platform
    assert principal.may_manage(make_tenant().pk)
    assert (principal.may_read, principal.may_write) == (True, False)


def test_a_service_key_is_stored_as_its_digest_only_and_looks_like_one():
    key, clear = create_service_key(name="backup")

    assert clear.startswith("bws_")
    assert clear not in str(ServiceKey.objects.values().get(pk=key.pk))
    assert all(clear not in str(entry.after) for entry in AuditEntry.objects.all())
    assert all(key.key_hash not in str(entry.after) for entry in AuditEntry.objects.all())


@pytest.mark.parametrize("presented", ["", "bws_unknown", "x" * 10_000])
def test_what_is_no_key_is_nobody(presented):
    assert authenticate(presented, "10.0.0.1") is None


def test_an_api_key_is_no_service_key():
    key = make_key()
    assert authenticate(key.key_hash, "10.0.0.1") is None


def test_a_revoked_or_expired_key_is_nobody_from_its_next_request_on():
    revoked, clear_revoked = create_service_key(name="a")
    expired, clear_expired = create_service_key(name="b")
    assert authenticate(clear_revoked, "") is not None

    revoke_service_key(key=revoked)
    update_service_key(key=expired, expires_at=timezone.now())

    assert authenticate(clear_revoked, "") is None
    assert authenticate(clear_expired, "") is None


def test_a_suspended_tenants_key_is_nobody():
    tenant = make_tenant()
    _key, clear = create_service_key(name="a", tenant=tenant)

    update_tenant(tenant=tenant, active=False)

    assert authenticate(clear, "") is None


@pytest.mark.parametrize(("address", "known"), [("10.1.2.3", True), ("192.0.2.1", False), ("nonsense", False)])
def test_an_address_outside_the_allowed_blocks_is_nobody(address, known):
    _key, clear = create_service_key(name="a", ip_allow=["10.0.0.0/8"])

    assert (authenticate(clear, address) is not None) is known


def test_a_rotated_key_and_its_successor_both_work_until_the_overlap_ends():
    key, clear = create_service_key(name="a", tenant=make_tenant(), scopes=["manage"], ip_allow=["10.0.0.0/8"])

    successor, clear_successor = rotate_service_key(key=key, overlap=timedelta(hours=1))

    assert authenticate(clear, "10.0.0.1") is not None
    assert authenticate(clear_successor, "10.0.0.1") is not None
    assert successor.rotated_from == key
    assert (successor.tenant_id, successor.scopes, successor.ip_allow) == (key.tenant_id, key.scopes, key.ip_allow)
    assert key.expires_at is not None
    assert key.state(key.expires_at) == "expired"
    assert key.expires_at - timezone.now() <= timedelta(hours=1)


def test_a_rotation_without_overlap_ends_the_old_key_at_once():
    key, clear = create_service_key(name="a")

    rotate_service_key(key=key, overlap=timedelta(0))

    assert authenticate(clear, "") is None


def test_a_key_is_rotated_once_its_successor_carries_on():
    key, _clear = create_service_key(name="a")
    successor, _clear = rotate_service_key(key=key)

    with pytest.raises(ValidationError, match="has a successor already"):
        rotate_service_key(key=key)

    rotate_service_key(key=successor)
    assert ServiceKey.objects.count() == 3


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_a_key_has_at_least_one_known_scope(scopes):
    with pytest.raises(ValidationError, match=r"scope|valid choice|blank"):
        create_service_key(name="a", scopes=scopes)


def test_use_is_noted_at_most_once_a_minute():
    key, clear = create_service_key(name="a")

    authenticate(clear, "")
    first = ServiceKey.objects.get(pk=key.pk).last_used_at
    authenticate(clear, "")

    assert first is not None
    assert ServiceKey.objects.get(pk=key.pk).last_used_at == first


def test_each_change_is_audited_under_its_own_name():
    key, _clear = create_service_key(name="a")
    successor, _clear = rotate_service_key(key=key)
    revoke_service_key(key=successor)

    told = AuditEntry.objects.filter(object_type="servicekey").order_by("id").values_list("action", "object_id")
    assert list(told) == [
        ("created", str(key.pk)),
        ("created", str(successor.pk)),
        ("rotated", str(key.pk)),
        ("revoked", str(successor.pk)),
    ]
