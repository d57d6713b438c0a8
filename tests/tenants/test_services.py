"""Services change state, leave an audit entry, and tell the rest of the product on commit."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from events.engine.emitter import MemoryEmitter
from tenants import services
from tenants.actor import Actor, acting, acting_as
from tenants.audit import AuditEntry
from tenants.compile import compile_key
from tenants.emitting import set_emitter
from tenants.keys import given_key, key_hash
from tenants.models import ApiKey, Membership, RateLimit, Team, Tenant
from tenants.selectors import budgets_of_key, keys_of_account, limits_of_key
from tests.tenants.factories import make_key, make_team, make_tenant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def emitted():
    emitter = MemoryEmitter()
    set_emitter(emitter)
    yield emitter
    set_emitter(None)


def newest() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def test_a_created_key_is_stored_as_its_digest_only():
    key, clear = services.create_key(tenant=make_tenant(), name="checkout")

    key.refresh_from_db()
    assert clear.startswith(key.prefix)
    assert clear.endswith(key.last_four)
    assert key.key_hash == key_hash(clear)
    assert clear not in str(ApiKey.objects.filter(pk=key.pk).values().get())


def test_the_audit_entry_of_a_key_holds_neither_the_key_nor_its_digest():
    key, clear = services.create_key(tenant=make_tenant(), name="checkout")

    written = str(AuditEntry.objects.values().first())
    assert clear not in written
    assert key.key_hash not in written
    assert key.prefix in written


def test_a_given_key_shows_at_most_half_of_itself():
    clear = given_key("local-dev")

    assert clear.key_hash == key_hash("local-dev")
    assert len(clear.prefix + clear.last_four) <= len("local-dev") // 2


def test_creating_is_audited_with_actor_address_and_values():
    with acting(lambda: Actor("ada", "192.0.2.7")):
        tenant = make_tenant(slug="acme", name="Acme")

    entry = newest()
    assert (entry.actor, entry.source_ip, entry.action) == ("ada", "192.0.2.7", "created")
    assert (entry.object_type, entry.object_id, entry.object_name) == ("tenant", str(tenant.id), "acme")
    assert entry.tenant_ref == str(tenant.id)
    assert entry.before == {}
    assert entry.after["name"] == "Acme"


def test_updating_is_audited_with_the_changed_fields_only():
    tenant = make_tenant(name="Old")

    services.update_tenant(tenant=tenant, name="New", time_zone="UTC")

    entry = newest()
    assert entry.action == "updated"
    assert (entry.before, entry.after) == ({"name": "Old"}, {"name": "New"})


def test_an_update_that_changes_nothing_leaves_no_trace():
    tenant = make_tenant(name="Same")
    entries = AuditEntry.objects.count()

    services.update_tenant(tenant=Tenant.objects.get(pk=tenant.pk), name="Same")

    assert AuditEntry.objects.count() == entries
    assert Tenant.objects.get(pk=tenant.pk).version == 1


def test_every_change_within_a_tenant_raises_its_version():
    tenant = make_tenant()
    versions = [Tenant.objects.get(pk=tenant.pk).version]
    for change in (
        lambda: make_team(tenant),
        lambda: make_key(tenant),
        lambda: services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=1),
    ):
        change()
        versions.append(Tenant.objects.get(pk=tenant.pk).version)

    assert versions == sorted(set(versions))


def test_a_change_emits_its_event_on_commit(emitted, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as callbacks, acting_as("config apply"):
        tenant = make_tenant(slug="acme")
        assert emitted.events == []

    assert callbacks
    (event, context) = emitted.events[0]
    assert event.event_type == "config.object.changed"
    assert (event.action, event.object_type, event.object_name) == ("created", "tenant", "acme")
    assert event.actor == "config apply"
    assert context.tenant_id == str(tenant.id)


def test_without_an_emitter_a_change_still_succeeds(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert make_tenant().pk


def test_revoking_is_audited_and_keeps_the_first_instant():
    key = make_key()

    services.revoke_key(key=key)
    first = ApiKey.objects.get(pk=key.pk).revoked_at
    assert newest().action == "revoked"
    entries = AuditEntry.objects.count()
    services.revoke_key(key=ApiKey.objects.get(pk=key.pk))

    assert ApiKey.objects.get(pk=key.pk).revoked_at == first
    assert AuditEntry.objects.count() == entries


def test_a_rotated_key_has_a_successor_with_the_same_rights_and_limits():
    tenant = make_tenant()
    key = make_key(
        tenant,
        team=make_team(tenant),
        scopes=["chat"],
        allowed_routes=["fast"],
        allowed_models=["m"],
        access_tags=["hr"],
        ip_allow=["10.0.0.0/8"],
    )
    services.set_rate_limit(tenant=tenant, level="key", key=key, metric="tokens", value=500)

    successor, clear = services.rotate_key(key=key, overlap=timedelta(hours=1))

    same = ("team_id", "name", "scopes", "allowed_routes", "allowed_models", "access_tags", "ip_allow", "expires_at")
    original = {**{name: getattr(key, name) for name in same}, "expires_at": None}
    assert {name: getattr(successor, name) for name in same} == original
    assert successor.key_hash == key_hash(clear) != key.key_hash
    assert [limit.value for limit in successor.rate_limits.all()] == [500]
    assert not key.rate_limits.exists()
    assert key.expires_at is not None
    assert timedelta(minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=1)
    assert newest().action == "rotated"


def test_keys_that_follow_each_other_share_limits_and_budgets_under_the_first_ones_id():
    tenant = make_tenant()
    key = make_key(tenant)
    limit = services.set_rate_limit(tenant=tenant, level="key", key=key, metric="tokens", value=500)
    budget = services.set_budget(tenant=tenant, name="own", level="key", key=key, limit_nanousd=7)
    services.set_rate_limit(tenant=tenant, level="key", key=make_key(tenant), metric="tokens", value=1)

    second, _clear = services.rotate_key(key=key)
    third, _clear = services.rotate_key(key=second)

    assert third.predecessors == [key.pk, second.pk]
    for pk in (key.pk, second.pk, third.pk):
        of_line = ApiKey.objects.for_tenant(tenant).get(pk=pk)
        spec = compile_key(of_line, limits_of_key(of_line), budgets_of_key(of_line))
        assert [(found.id, found.subject) for found in spec.limits] == [(str(limit.pk), str(key.pk))]
        assert [(found.id, found.subject) for found in spec.budgets] == [(str(budget.pk), str(key.pk))]
    assert keys_of_account(str(tenant.pk), str(key.pk)) == sorted(str(of_line.pk) for of_line in (key, second, third))


def test_a_key_that_was_deleted_goes_on_counting_for_those_that_followed_it():
    tenant = make_tenant()
    key = make_key(tenant)
    second, _clear = services.rotate_key(key=key)
    third, _clear = services.rotate_key(key=second)
    second_id = str(second.pk)

    second.delete()

    assert keys_of_account(str(tenant.pk), str(key.pk)) == sorted([str(key.pk), second_id, str(third.pk)])


def test_a_changed_limit_of_a_key_is_told_to_workers_for_every_key_that_shares_it():
    tenant = make_tenant()
    key = make_key(tenant)
    limit = services.set_rate_limit(tenant=tenant, level="key", key=key, metric="tokens", value=500)
    successor, _clear = services.rotate_key(key=key)
    limit.refresh_from_db()

    told = {invalidation.key_hash for invalidation in limit.invalidations()}

    assert limit.key == successor
    assert told == {key.key_hash, successor.key_hash}


def test_rotation_does_not_prolong_a_key_that_ends_sooner():
    soon = timezone.now() + timedelta(minutes=5)
    key = make_key(expires_at=soon)

    successor, _clear = services.rotate_key(key=key, overlap=timedelta(hours=1))

    assert key.expires_at == soon
    assert successor.expires_at is None


@pytest.mark.parametrize("end", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_key_that_has_ended_cannot_come_back_by_rotation(end):
    key = make_key()
    ApiKey.objects.filter(pk=key.pk).update(**end)

    with pytest.raises(ValidationError, match="cannot be rotated"):
        services.rotate_key(key=key)

    assert ApiKey.objects.count() == 1


def test_revoking_does_not_undo_what_somebody_else_changed_meanwhile():
    key = make_key(scopes=["chat", "runs"])
    services.update_key(key=ApiKey.objects.get(pk=key.pk), scopes=["chat"])

    services.revoke_key(key=key)

    assert ApiKey.objects.get().scopes == ["chat"]


def test_setting_a_limit_again_changes_its_value():
    tenant = make_tenant()
    for value in (10, 20):
        services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=value)

    assert [limit.value for limit in RateLimit.objects.for_tenant(tenant)] == [20]
    assert (newest().before, newest().after) == ({"value": 10}, {"value": 20})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"slug": "Not A Slug"}, "lower-case letters"),
        ({"time_zone": "Mars/Olympus"}, "IANA time zone"),
        ({"default_route": "with blanks"}, "starting with a letter"),
        ({"payload_storage": "sometimes"}, "not a valid choice"),
    ],
)
def test_a_tenant_that_is_not_valid_is_refused_with_a_reason(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        make_tenant(**fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"scopes": []}, "cannot be blank"),
        ({"scopes": ["root"]}, "not a valid choice"),
        ({"ip_allow": ["10.0.0.1/8"]}, "no address block"),
    ],
)
def test_a_key_that_is_not_valid_is_refused_with_a_reason(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        make_key(**fields)


def test_a_key_cannot_join_another_tenants_team():
    with pytest.raises(ValidationError, match="another tenant"):
        make_key(make_tenant(), team=make_team())


def test_a_limit_cannot_name_another_tenants_key():
    with pytest.raises(ValidationError, match="another tenant"):
        services.set_rate_limit(tenant=make_tenant(), level="key", key=make_key(), metric="requests", value=1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"level": "team", "metric": "requests", "value": 1}, "needs a team"),
        ({"level": "tenant", "metric": "requests", "value": 0}, "at least 1"),
        ({"level": "tenant", "metric": "concurrency", "value": 1, "window_s": 60}, "window of 0"),
        ({"level": "tenant", "metric": "tokens", "value": 1, "window_s": 0}, "window of 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_a_reason(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        services.set_rate_limit(tenant=make_tenant(), **fields)


def test_a_refused_change_leaves_no_audit_entry():
    entries = AuditEntry.objects.count()

    with pytest.raises(ValidationError):
        make_tenant(slug="Not A Slug")

    assert AuditEntry.objects.count() == entries


def test_a_team_with_keys_is_not_deleted_and_the_message_names_them():
    tenant = make_tenant()
    team = make_team(tenant)
    make_key(tenant, team=team, name="checkout")

    with pytest.raises(ValidationError, match="still used by: checkout"):
        services.delete_team(team=team)

    assert Team.objects.filter(pk=team.pk).exists()


def test_deleting_is_audited_with_what_was_there():
    team = make_team(name="Search")
    key = str(team.pk)

    services.delete_team(team=team)

    entry = newest()
    assert (entry.action, entry.object_id) == ("deleted", key)
    assert entry.before["name"] == "Search"
    assert entry.after == {}


def test_deleting_a_tenant_takes_its_configuration_and_leaves_the_audit_log():
    tenant = make_tenant()
    make_key(tenant, team=make_team(tenant))
    ref = str(tenant.pk)

    services.delete_tenant(tenant=tenant)

    assert not ApiKey.objects.for_tenant(uuid.UUID(ref)).exists()
    assert {"created", "deleted"} <= set(AuditEntry.objects.filter(tenant_ref=ref).values_list("action", flat=True))


def test_a_membership_is_changed_rather_than_doubled():
    user, tenant = make_user(), make_tenant()

    services.set_membership(user=user, tenant=tenant, role="viewer")
    services.set_membership(user=user, tenant=tenant, role="owner")

    assert [row.role for row in Membership.objects.for_tenant(tenant)] == ["owner"]


def test_a_field_that_services_do_not_set_is_refused():
    with pytest.raises(TypeError, match="no field 'key_hash'"):
        services.update_key(key=make_key(), key_hash="0" * 64)


def test_touching_keys_moves_forward_only_and_is_not_audited():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    known, other = make_key(), make_key()
    entries = AuditEntry.objects.count()

    assert services.touch_keys(used_at={known.pk: noon, other.pk: noon, uuid.uuid4(): noon}) == 2
    assert services.touch_keys(used_at={known.pk: noon - timedelta(hours=1)}) == 0
    assert services.touch_keys(used_at={}) == 0

    known.refresh_from_db()
    assert known.last_used_at == noon
    assert AuditEntry.objects.count() == entries
