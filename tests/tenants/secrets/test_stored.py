"""Secrets that Breakwater keeps itself: encrypted, audited, never shown."""

import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from events.engine.redis_channels import channel
from tenants.audit import AuditEntry
from tenants.invalidation import CHANNEL
from tenants.models import StoredSecret
from tenants.secret_services import (
    MAX_VALUE_LENGTH,
    create_secret,
    delete_secret,
    encrypt_again,
    replace_secret,
    update_secret,
)
from tenants.secrets import process
from tenants.secrets.encryption import SecretCipher
from tenants.secrets.references import parse_reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable
from tenants.secrets.stored import StoredSource
from tests.tenants.factories import make_operator, make_tenant

pytestmark = pytest.mark.django_db

OLD, NEW = "o" * 40, "n" * 40
VALUE = "sk-planted-7f3a9c"


@pytest.fixture(autouse=True)
def keys(settings):
    """Sets ``SECRETS_KEYS``, as a restart with other ones would."""

    def use(*keys: str) -> None:
        settings.SECRETS_KEYS = keys
        process.process_cipher.cache_clear()

    use(OLD)
    yield use
    process.process_cipher.cache_clear()


def read(name: str = "openai", tenant=None) -> str:
    tenant_id = None if tenant is None else str(tenant.pk)
    return StoredSource(process.process_cipher()).read(parse_reference(f"db:{name}"), tenant_id)


def newest() -> AuditEntry:
    entry = AuditEntry.objects.filter(object_type="storedsecret").first()
    assert entry is not None
    return entry


def test_a_stored_secret_is_read_by_its_owner():
    tenant = make_tenant()
    create_secret(name="openai", value=f" {VALUE}\n", tenant=tenant)
    create_secret(name="openai", value="sk-platform")

    assert read(tenant=tenant) == VALUE
    assert read() == "sk-platform"


def test_a_tenant_cannot_read_what_others_or_the_platform_stored():
    create_secret(name="openai", value=VALUE)
    create_secret(name="theirs", value=VALUE, tenant=make_tenant())

    for name in ("openai", "theirs"):
        with pytest.raises(SecretMissing, match="There is no secret"):
            read(name, make_tenant())
    with pytest.raises(SecretMissing):
        read("theirs")


def test_neither_the_table_nor_the_audit_log_holds_the_value():
    secret = create_secret(name="openai", value=VALUE)
    replace_secret(secret=secret, value=f"{VALUE}-2")

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text, encode(s.ciphertext, 'escape') FROM tenants_storedsecret s")
        dump = str(cursor.fetchall())
        cursor.execute("SELECT row_to_json(a)::text FROM tenants_auditentry a")
        dump += str(cursor.fetchall())
    assert VALUE not in dump
    assert VALUE not in repr(secret)


def test_each_change_is_audited_without_the_ciphertext():
    secret = create_secret(name="openai", value=VALUE)
    assert (newest().action, newest().after["value_version"]) == ("created", 1)
    assert "ciphertext" not in newest().after

    replace_secret(secret=secret, value="sk-other")
    assert newest().action == "rotated"
    assert (newest().before["value_version"], newest().after["value_version"]) == (1, 2)
    assert read() == "sk-other"

    update_secret(secret=secret, description="of production")
    assert (newest().action, newest().after) == ("updated", {"description": "of production"})
    delete_secret(secret=secret)
    assert newest().action == "deleted"
    with pytest.raises(SecretMissing):
        read()


@pytest.mark.django_db(transaction=True)
def test_a_new_value_is_announced_to_the_gateways(redis_client, redis_url):
    tenant = make_tenant()
    secret = create_secret(name="openai", value=VALUE, tenant=tenant)
    with redis_client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(channel(CHANNEL, redis_url))
        heard.get_message(timeout=5)

        replace_secret(secret=secret, value="sk-other")

        message = heard.get_message(timeout=5)
    assert message is not None
    assert str(tenant.pk) in message["data"].decode()


def test_a_secret_keeps_its_name_and_owner():
    secret = create_secret(name="openai", value=VALUE)

    with pytest.raises(TypeError, match="keeps its name"):
        update_secret(secret=secret, name="other")


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "ü", "x" * (MAX_VALUE_LENGTH + 1)])
def test_what_is_no_credential_is_refused_without_being_repeated(value):
    with pytest.raises(ValidationError) as caught:
        create_secret(name="openai", value=value)

    assert value.strip() == "" or value not in str(caught.value)
    assert not StoredSecret.objects.exists()


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "ä"])
def test_a_name_that_no_reference_could_hold_is_refused(name):
    with pytest.raises(ValidationError, match=r"name|Write letters|blank"):
        create_secret(name=name, value=VALUE)


def test_a_name_is_taken_once_per_owner():
    create_secret(name="openai", value=VALUE)
    create_secret(name="openai", value=VALUE, tenant=make_tenant())

    with pytest.raises(ValidationError, match="give it a new value instead"):
        create_secret(name="openai", value=VALUE)


# --- keys -------------------------------------------------------------------------------------------


def test_after_a_key_rotation_every_secret_is_under_the_new_key(keys):
    tenant = make_tenant()
    create_secret(name="a", value="sk-a", tenant=tenant)
    create_secret(name="b", value="sk-b")
    keys(NEW, OLD)

    assert encrypt_again() == (2, [])
    assert encrypt_again() == (0, [])

    keys(NEW)
    assert read("a", tenant) == "sk-a"
    assert read("b") == "sk-b"
    assert set(StoredSecret.objects.values_list("key_id", flat=True)) == {SecretCipher([NEW]).key_id}
    assert newest().action == "rotated"


def test_a_secret_under_a_lost_key_is_named_and_left_alone(keys):
    create_secret(name="a", value="sk-a")
    keys(NEW)
    create_secret(name="b", value="sk-b")

    with pytest.raises(CommandError, match="platform/a"):
        call_command("secrets", "rotate", stdout=io.StringIO())

    with pytest.raises(SecretUnavailable, match="not in SECRETS_KEYS"):
        read("a")
    keys(OLD)
    assert read("a") == "sk-a"


def test_without_keys_of_ones_own_one_is_kept_with_mode_0600(settings, tmp_path, monkeypatch):
    from controlplane.settings.secret_key import kept_secret_key

    path = tmp_path / "secrets_key"
    first, second = kept_secret_key(path), kept_secret_key(path)

    assert first == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert SecretCipher([first])


# --- the command ------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("secrets", *arguments, stdout=out)
    return out.getvalue()


def test_an_operator_stores_replaces_lists_and_deletes_from_the_command_line(monkeypatch):
    tenant = make_tenant(slug="acme")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{VALUE}\n"))
    assert "version 1" in run("set", "openai", "--tenant", "acme")
    assert read(tenant=tenant) == VALUE
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-other"))
    assert "version 2" in run("set", "openai", "--tenant", "acme")
    assert read(tenant=tenant) == "sk-other"
    assert newest().actor == "secrets set"

    listed = run("list")
    assert "acme\tdb:openai\tversion 2" in listed
    assert "sk-" not in listed
    assert "Deleted" in run("delete", "openai", "--tenant", "acme")
    with pytest.raises(CommandError, match="There is no secret"):
        run("delete", "openai", "--tenant", "acme")


def test_the_command_tells_what_is_wrong_without_the_value(monkeypatch):
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        run("set", "openai", "--tenant", "nobody")
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-a\nsk-b"))
    with pytest.raises(CommandError, match="cannot be sent in a header") as caught:
        run("set", "openai")
    assert "sk-a" not in str(caught.value)


def test_a_new_key_is_good_for_encryption():
    assert SecretCipher([run("new-key").strip()])


# --- the admin --------------------------------------------------------------------------------------


@pytest.fixture
def browser(client):
    client.force_login(make_operator())
    return client


def page(name: str, *args) -> str:
    return reverse(f"admin:tenants_storedsecret_{name}", args=args)


def test_the_admin_stores_a_secret_and_never_shows_it(browser):
    tenant = make_tenant()

    added = browser.post(
        page("add"), {"tenant": str(tenant.pk), "name": "openai", "description": "d", "value": VALUE}, follow=True
    )

    assert added.status_code == 200
    secret = StoredSecret.objects.get()
    assert read(tenant=tenant) == VALUE
    for address in (page("changelist"), page("change", secret.pk), page("history", secret.pk)):
        assert VALUE not in browser.get(address).content.decode()
    assert VALUE not in added.content.decode()


def test_an_empty_value_keeps_the_present_one_and_another_replaces_it(browser):
    secret = create_secret(name="openai", value=VALUE)

    browser.post(page("change", secret.pk), {"description": "new", "value": ""})
    secret.refresh_from_db()
    assert (secret.description, secret.value_version, read()) == ("new", 1, VALUE)

    browser.post(page("change", secret.pk), {"description": "new", "value": "sk-other"})
    secret.refresh_from_db()
    assert (secret.value_version, read()) == (2, "sk-other")


@pytest.mark.parametrize("form", [{"name": "a b", "value": VALUE}, {"name": "ok", "value": f"{VALUE}\x00"}])
def test_a_form_that_is_sent_back_does_not_repeat_the_value(browser, form):
    answer = browser.post(page("add"), {"tenant": "", "description": "", **form})

    assert answer.status_code == 200
    assert VALUE not in answer.content.decode()
    assert not StoredSecret.objects.exists()


def test_a_bad_new_value_of_an_old_secret_is_told_and_nothing_is_lost(browser):
    secret = create_secret(name="openai", value=VALUE)

    answer = browser.post(page("change", secret.pk), {"description": "", "value": "schlüssel"}, follow=True)

    assert "cannot be sent in a header" in answer.content.decode()
    assert read() == VALUE


def test_availability_is_told_without_asking_another_store(monkeypatch):
    monkeypatch.setenv("BREAKWATER_TEST_SECRET", "s")
    tenant = make_tenant()
    create_secret(name="mine", value="v", tenant=tenant)
    own = str(tenant.pk)

    def availability(reference: str, tenant_id: str | None = None) -> str:
        return process.availability(reference, tenant_id=tenant_id)

    assert availability("env:BREAKWATER_TEST_SECRET") == "set"
    assert availability("env:BREAKWATER_TEST_SECRET", own) == "missing"
    assert availability("env:NOT_SET_ANYWHERE") == "missing"
    assert availability("db:mine", own) == "set"
    assert availability("db:mine") == "missing"
    assert availability("vault:kv/x#f") == "unknown"
