"""What happens to a key, told in events and shown on its pages."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from contracts.events import EventContext, EventPayload, KeyChanged
from tenants import services
from tenants.emitting import set_emitter
from tenants.keys import key_hash
from tenants.models import ApiKey, AuditEntry, ServiceKey
from tenants.service_keys import authenticate, create_service_key, rotate_service_key
from tests.tenants.factories import make_key, make_operator, make_tenant, make_user

pytestmark = pytest.mark.django_db


class Heard:
    """An emitter that keeps what is told of keys."""

    def __init__(self) -> None:
        self.keys: list[tuple[KeyChanged, str]] = []

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        if isinstance(payload, KeyChanged):
            self.keys.append((payload, context.tenant_id))

    def flush(self) -> None: ...


@pytest.fixture
def heard():
    emitter = Heard()
    set_emitter(emitter)
    yield emitter
    set_emitter(None)


@pytest.fixture
def browser(client):
    client.force_login(make_operator())
    return client


def test_each_step_of_a_key_is_an_event_without_the_key(heard, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        tenant = make_tenant()
        key, clear = services.create_key(tenant=tenant, name="app")
        successor, _clear = services.rotate_key(key=key, overlap=timedelta(hours=1))
        services.revoke_key(key=successor)
        services.revoke_key(key=successor)

    told = [(event.change, event.key_id, tenant_id) for event, tenant_id in heard.keys]
    own = str(tenant.pk)
    assert told == [
        ("created", str(key.pk), own),
        ("created", str(successor.pk), own),
        ("rotated", str(key.pk), own),
        ("revoked", str(successor.pk), own),
    ]
    rotated = heard.keys[2][0]
    assert rotated.successor_id == str(successor.pk)
    assert key.expires_at is not None
    assert rotated.ends_at_ms == int(key.expires_at.timestamp() * 1000)
    assert {event.key_type for event, _ in heard.keys} == {"apikey"}
    assert clear not in str(heard.keys)
    assert key.key_hash not in str(heard.keys)


def test_a_platform_service_keys_events_belong_to_no_tenant(heard, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        create_service_key(name="backup")

    ((event, tenant_id),) = heard.keys
    assert (event.key_type, event.change, tenant_id) == ("servicekey", "created", "")


def test_a_rotated_api_key_names_its_successor_and_is_not_rotated_again():
    key = make_key()
    successor, _clear = services.rotate_key(key=key)

    assert successor.rotated_from_id == key.pk
    assert key.is_replaced
    assert not successor.is_replaced
    with pytest.raises(ValidationError, match="has a successor already"):
        services.rotate_key(key=key)
    assert ApiKey.objects.for_tenant(key.tenant).count() == 2


def test_a_negative_overlap_is_refused():
    with pytest.raises(ValidationError, match="cannot be negative"):
        services.rotate_key(key=make_key(), overlap=timedelta(seconds=-1))


def test_during_the_overlap_both_keys_are_usable_and_after_it_one():
    key = make_key()
    successor, _clear = services.rotate_key(key=key, overlap=timedelta(hours=1))
    usable = ApiKey.objects.for_tenant(key.tenant).usable

    assert set(usable(timezone.now())) == {key, successor}
    assert set(usable(timezone.now() + timedelta(hours=2))) == {successor}


def test_deleting_the_replaced_key_leaves_its_successor():
    key, _clear = create_service_key(name="a")
    successor, _clear = rotate_service_key(key=key)

    key.delete()

    successor.refresh_from_db()
    assert successor.rotated_from is None


# --- service keys in the admin ----------------------------------------------------------------------


def page(name: str, *args) -> str:
    return reverse(f"admin:tenants_servicekey_{name}", args=args)


def shown_key(answer) -> str:
    return answer.context["clear"]


def test_a_service_key_is_made_and_shown_once(browser):
    tenant = make_tenant()
    form = {"tenant": str(tenant.pk), "name": "terraform", "scopes": ["manage"], "ip_allow": "", "expires_at_0": ""}

    answer = browser.post(page("add"), form)

    clear = shown_key(answer)
    assert clear in answer.content.decode()
    principal = authenticate(clear, "10.0.0.1")
    assert principal is not None
    assert (principal.tenant_id, principal.may_write) == (tenant.pk, True)
    key = ServiceKey.objects.for_tenant(tenant.pk).get()
    for address in (page("changelist"), page("change", key.pk)):
        assert clear not in browser.get(address).content.decode()


def test_a_platform_service_key_is_made_without_a_tenant(browser):
    answer = browser.post(page("add"), {"tenant": "", "name": "backup", "scopes": ["manage:read"], "ip_allow": ""})

    principal = authenticate(shown_key(answer), "10.0.0.1")
    assert principal is not None
    assert principal.of_platform


def test_a_service_key_is_rotated_and_revoked_in_the_admin(browser):
    key, clear = create_service_key(name="a")
    assert "Rotate key" in browser.get(page("rotate", key.pk)).content.decode()

    answer = browser.post(page("rotate", key.pk), {"overlap_hours": 0})

    successor = ServiceKey.objects.of_platform().get(key_hash=key_hash(shown_key(answer)))
    assert authenticate(clear, "") is None
    assert "a (" in browser.get(page("change", key.pk)).content.decode()
    browser.post(page("revoke", successor.pk))
    assert authenticate(shown_key(answer), "") is None
    entry = AuditEntry.objects.filter(object_type="servicekey").first()
    assert entry is not None
    assert entry.action == "revoked"


def test_staff_without_the_permission_cannot_touch_service_keys(client):
    key, clear = create_service_key(name="a")
    client.force_login(make_user(is_staff=True))

    for name in ("rotate", "revoke"):
        assert client.post(page(name, key.pk), {"overlap_hours": 0}).status_code == 403
    assert client.get(page("changelist")).status_code == 403
    assert authenticate(clear, "") is not None
