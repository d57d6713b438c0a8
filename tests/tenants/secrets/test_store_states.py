"""What operators are told of the stores of credentials: which kind answers, and never what was asked for."""

from __future__ import annotations

import msgspec
import pytest

from events.engine.metrics import GatewayMetrics
from tenants.secrets.cache import RETRY_S, SecretCache
from tenants.secrets.sources import SecretMissing, SecretUnavailable
from tenants.secrets.store_states import StoreStates
from tests.tenants.secrets.doubles import FakeStore, Time, Told

VAULT = "vault:kv/openai#key"


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def states(clock: Time) -> StoreStates:
    return StoreStates(clock)


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore(near=True)
    store.values = {VAULT: "sk-planted"}
    return store


@pytest.fixture
def cache(store: FakeStore, states: StoreStates, clock: Time) -> SecretCache:
    return SecretCache({"vault": lambda: store}, ttl_s=300, stale_s=3_600, tell=Told(), clock=clock, note=states.note)


def test_a_store_that_nobody_asked_is_not_told_of(states: StoreStates) -> None:
    assert states.report() == {"status": "ok", "stores": {}}


def test_a_store_that_answers_is_ok(cache: SecretCache, states: StoreStates, clock: Time) -> None:
    secret = cache.resolve(VAULT)
    clock.now += 5

    assert secret.reveal() == "sk-planted"
    assert states.report() == {
        "status": "ok",
        "stores": {"vault": {"status": "ok", "answered_s_ago": 5.0, "failed_s_ago": None}},
    }


def test_a_store_that_is_down_is_told_with_the_age_of_its_last_answer(
    cache: SecretCache, states: StoreStates, store: FakeStore, clock: Time
) -> None:
    secret = cache.resolve(VAULT)
    store.error = SecretUnavailable("kv/openai is sealed")
    clock.now += 300
    cache.resolve(VAULT)
    clock.now += 1

    found = states.report()

    assert secret.reveal() == "sk-planted"
    assert found["status"] == "degraded"
    assert found["stores"]["vault"] == {"status": "down", "answered_s_ago": 301.0, "failed_s_ago": 1.0}
    store.error = None
    clock.now += RETRY_S
    cache.resolve(VAULT)
    assert states.report()["status"] == "ok"


def test_a_store_without_the_secret_has_answered(cache: SecretCache, states: StoreStates, store: FakeStore) -> None:
    store.error = SecretMissing("nothing there")
    cache.resolve(VAULT)
    assert states.report()["stores"]["vault"]["status"] == "ok"


def test_no_reference_and_no_value_is_told(cache: SecretCache, states: StoreStates, store: FakeStore) -> None:
    store.error = RuntimeError("sk-planted at kv/openai")
    cache.resolve(VAULT)
    told = msgspec.json.encode(states.report()).decode()
    assert "openai" not in told
    assert "sk-planted" not in told


def test_reads_are_counted_by_kind_and_outcome() -> None:
    metrics = GatewayMetrics()
    metrics.secret_store_read("vault", "read", reachable=True)
    metrics.secret_store_read("vault", "unavailable", reachable=False)
    text = metrics.render().decode()
    assert 'gateway_secret_store_reads_total{outcome="unavailable",store="vault"} 1.0' in text
    assert 'gateway_secret_store_reachable{store="vault"} 0.0' in text
    assert 'gateway_secret_store_answered_timestamp_seconds{store="vault"}' in text
