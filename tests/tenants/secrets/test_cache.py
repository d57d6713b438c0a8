"""Credentials in memory: how old they get, who is asked when, and what is told of it."""

import asyncio
import gc
import logging
import threading

import pytest

from contracts.specs import Secret
from tenants.secrets.cache import COOLDOWN_S, RETRY_S
from tenants.secrets.sources import EnvironmentSource, SecretMissing, SecretUnavailable
from tests.tenants.secrets.doubles import FakeStore, Time, Told, environment_secrets, secrets_over

VAULT = "vault:kv/openai#key"
STORED = "db:openai"


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def store():
    store = FakeStore()
    store.values = {VAULT: "old", STORED: "old"}
    return store


@pytest.fixture
def cache(store, told, clock):
    cache = secrets_over(told, clock, vault=store, db=store)
    yield cache
    cache.close()


def settled(cache):
    """Wait for what the cache fetches in the background."""
    cache._threads.submit(lambda: None).result(10)
    for secret in list(cache._known.values()):
        if secret.origin.fetching is not None:
            secret.origin.fetching.result(10)


def test_a_value_is_fetched_once_and_shared(cache, store, told):
    first = cache.resolve(VAULT)
    second = cache.resolve(VAULT)

    assert first is second
    assert first.reveal() == "old"
    assert store.reads == [(VAULT, None)]
    assert told.outcomes == [("first_use", "read")]
    assert (told.events[0].reference, told.events[0].scheme) == (VAULT, "vault")


def test_blanks_around_a_value_are_dropped():
    assert environment_secrets({"KEY": " sk-123 \n"}).resolve("env:KEY").reveal() == "sk-123"


@pytest.mark.parametrize("value", ["", "   ", "a\nb", "a\x00b", "schlüssel"])
def test_a_value_that_cannot_be_sent_in_a_header_is_none(value, caplog):
    secret = environment_secrets({"KEY": value}).resolve("env:KEY")

    assert not secret
    assert "env:KEY" in caplog.text
    assert value.strip() == "" or value not in caplog.text


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("BREAKWATER_TEST_SECRET", "s")

    assert secrets_over(env=EnvironmentSource()).resolve("env:BREAKWATER_TEST_SECRET").reveal() == "s"


@pytest.mark.parametrize("reference", ["", "sk-clear-text", "vault:kv", "env:1X"])
def test_what_is_no_reference_is_refused(cache, reference):
    with pytest.raises(LookupError, match=r"Supported|reference|After"):
        cache.resolve(reference)


@pytest.mark.parametrize("reference", ["env:OPENAI_API_KEY", VAULT])
def test_a_tenant_cannot_resolve_what_only_operators_may_refer_to(cache, store, reference):
    with pytest.raises(LookupError, match="tenant's own provider"):
        cache.resolve(reference, tenant_id="t1")

    assert store.reads == []


def test_two_owners_of_one_name_share_nothing(cache, store):
    mine = cache.resolve(STORED, tenant_id="t1")
    theirs = cache.resolve(STORED, tenant_id="t2")

    assert mine is not theirs
    assert store.reads == [(STORED, "t1"), (STORED, "t2")]


def test_an_old_value_is_fetched_again_while_it_goes_on_serving(cache, store, clock, told):
    secret = cache.resolve(VAULT)
    store.values[VAULT] = "new"
    clock.now += 299
    cache.resolve(VAULT)
    settled(cache)
    assert secret.reveal() == "old"

    clock.now += 1
    assert cache.resolve(VAULT) is secret
    settled(cache)

    assert secret.reveal() == "new"
    assert told.outcomes == [("first_use", "read"), ("expired", "read")]
    assert [event.changed for event in told.events] == [True, True]


def test_a_store_that_is_down_leaves_the_value_until_it_is_too_old(cache, store, clock, told, caplog):
    secret = cache.resolve(VAULT)
    store.error = SecretUnavailable("Vault could not be asked.")
    clock.now += 300
    cache.resolve(VAULT)
    settled(cache)
    assert secret.reveal() == "old"
    assert told.events[-1].outcome == "unavailable"
    assert told.events[-1].stale_s == 300
    assert "goes on serving" in caplog.text

    clock.now += 3_301
    cache.resolve(VAULT)
    settled(cache)
    assert not secret

    store.error = None
    clock.now += RETRY_S
    cache.resolve(VAULT)
    settled(cache)
    assert secret.reveal() == "old"
    assert told.outcomes == [("first_use", "read"), ("expired", "unavailable"), ("first_use", "read")]


def test_a_store_that_is_down_is_asked_seldom_and_told_of_once(cache, store, clock, told, caplog):
    store.error = SecretUnavailable("Vault could not be asked.")
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            cache.resolve(VAULT)
            settled(cache)
            clock.now += RETRY_S / 2

    assert len(store.reads) == 5
    assert told.outcomes == [("first_use", "unavailable")]
    assert caplog.text.count("could not be asked") == 1


def test_a_secret_that_was_deleted_is_dropped_at_once(cache, store, clock):
    secret = cache.resolve(VAULT)
    store.error = SecretMissing("gone")
    clock.now += 300

    cache.resolve(VAULT)
    settled(cache)

    assert not secret


def test_a_client_that_fails_in_its_own_way_does_not_show_its_words(cache, store, caplog, told):
    store.error = RuntimeError("the token hvs.CAESI was refused")

    assert not cache.resolve(VAULT)

    assert "hvs.CAESI" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert told.outcomes == [("first_use", "unavailable")]


def test_a_store_that_hangs_holds_up_one_load_only(store, told, clock):
    cache = secrets_over(told, clock, vault=store)
    cache._patience_s = 0.05
    release = threading.Event()
    store.gate = lambda: release.wait(10)
    store.values |= {f"vault:kv/{n}#key": "v" for n in range(3)}

    secrets = [cache.resolve(f"vault:kv/{n}#key") for n in range(3)]
    assert [bool(secret) for secret in secrets] == [False] * 3
    release.set()
    settled(cache)

    assert [secret.reveal() for secret in secrets] == ["v"] * 3
    cache.close()


def test_a_stored_secret_is_read_again_when_its_owners_configuration_moved_on(told, clock):
    store = FakeStore(near=True, versioned=True)
    store.values = {STORED: "old"}
    cache = secrets_over(told, clock, db=store)
    secret = cache.resolve(STORED, tenant_id="t1", version=1)
    cache.resolve(STORED, tenant_id="t1", version=1)
    store.values[STORED] = "new"
    assert secret.reveal() == "old"

    cache.resolve(STORED, tenant_id="t1", version=2)

    assert secret.reveal() == "new"
    assert told.outcomes == [("first_use", "read"), ("changed", "read")]
    assert {context.tenant_id for context in told.contexts} == {"t1"}


def test_a_credential_that_no_spec_holds_is_forgotten(cache, store):
    cache.resolve(VAULT)
    gc.collect()

    assert len(cache._known) == 0
    cache.resolve(VAULT)
    assert len(store.reads) == 2


# --- after a refusal --------------------------------------------------------------------------------


async def test_a_refused_credential_is_fetched_again(cache, store, told):
    secret = await asyncio.to_thread(cache.resolve, VAULT)
    refused = secret.version
    store.values[VAULT] = "new"

    assert await cache.renew(secret, refused) is True
    assert secret.reveal() == "new"
    assert told.outcomes[-1] == ("refused", "read")


async def test_a_credential_that_did_not_change_is_not_worth_another_attempt(cache, store, clock):
    secret = await asyncio.to_thread(cache.resolve, VAULT)

    assert await cache.renew(secret, secret.version) is False
    assert await cache.renew(secret, secret.version) is False
    assert len(store.reads) == 2
    clock.now += COOLDOWN_S
    assert await cache.renew(secret, secret.version) is False
    assert len(store.reads) == 3


async def test_calls_that_are_refused_together_share_one_fetch(cache, store):
    secret = await asyncio.to_thread(cache.resolve, VAULT)
    refused = secret.version
    store.values[VAULT] = "new"
    release = threading.Event()
    store.gate = lambda: release.wait(10)

    waiting = [asyncio.ensure_future(cache.renew(secret, refused)) for _ in range(20)]
    await asyncio.sleep(0)
    release.set()

    assert await asyncio.gather(*waiting) == [True] * 20
    assert len(store.reads) == 2


async def test_who_was_refused_with_an_older_value_need_not_ask_again(cache, store):
    secret = await asyncio.to_thread(cache.resolve, VAULT)
    refused = secret.version
    store.values[VAULT] = "new"
    await cache.renew(secret, refused)

    assert await cache.renew(secret, refused) is True
    assert len(store.reads) == 2


async def test_a_refusal_while_the_store_is_down_keeps_the_value(cache, store):
    secret = await asyncio.to_thread(cache.resolve, VAULT)
    store.error = SecretUnavailable("down")

    assert await cache.renew(secret, secret.version) is False
    assert secret.reveal() == "old"


async def test_the_environment_is_not_read_again_as_it_cannot_change(told):
    cache = secrets_over(told, env=EnvironmentSource({"KEY": "v"}))
    secret = cache.resolve("env:KEY")

    assert await cache.renew(secret, secret.version) is False
    assert len(told.events) == 1


async def test_a_credential_of_somebody_else_is_left_alone(cache):
    assert await cache.renew(Secret("x"), 0) is False
