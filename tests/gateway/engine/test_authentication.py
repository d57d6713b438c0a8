from __future__ import annotations

import hashlib
from typing import Any

import pytest

from contracts.addresses import address_allowed, client_address
from contracts.errors import AuthenticationFailed, PermissionDenied
from contracts.specs import KeySpec, TenantSpec
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.spec_cache import SpecCache
from tests.gateway.doubles import DictSpecSource, ManualClock

CLEAR = "bw_demo_secret"


def authenticator(clock: ManualClock | None = None, *, tenant_active: bool = True, **fields: Any) -> Authenticator:
    source = DictSpecSource()
    digest = hashlib.sha256(CLEAR.encode()).hexdigest()
    source.keys[digest] = KeySpec(id="key", tenant_id="tenant", **fields)
    source.tenants["tenant"] = TenantSpec(id="tenant", slug="tenant", active=tenant_active)
    clock = clock or ManualClock()
    cache = SpecCache(source, clock=clock, ttl_s=30, key_cache_size=10, tenant_cache_size=10)
    return Authenticator(cache, clock)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {CLEAR}"},
        {"authorization": f"bearer  {CLEAR} "},
        {"x-api-key": CLEAR},
        {"api-key": CLEAR},
    ],
)
def test_a_key_is_found_where_each_client_puts_it(headers: dict[str, str]) -> None:
    assert presented_key(headers) == CLEAR


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}, {"authorization": "Bearer " + "x" * 600}],
)
def test_what_is_not_a_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed):
        presented_key(headers)


async def test_a_valid_key_brings_its_tenant() -> None:
    key, tenant = await authenticator().authenticate(CLEAR, "10.0.0.1", "chat")
    assert (key.id, tenant.id) == ("key", "tenant")


async def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(AuthenticationFailed, match="not known"):
        await authenticator().authenticate("another", "10.0.0.1", "chat")


async def test_a_revoked_key_is_refused() -> None:
    with pytest.raises(AuthenticationFailed, match="revoked"):
        await authenticator(revoked=True).authenticate(CLEAR, "10.0.0.1", "chat")


async def test_a_key_is_refused_from_the_millisecond_it_expires() -> None:
    clock = ManualClock()
    keys = authenticator(clock, expires_at_ms=clock.now_ms() + 1_000)
    await keys.authenticate(CLEAR, "10.0.0.1", "chat")
    clock.advance(1)
    with pytest.raises(AuthenticationFailed, match="expired"):
        await keys.authenticate(CLEAR, "10.0.0.1", "chat")


async def test_a_suspended_tenant_is_refused() -> None:
    with pytest.raises(PermissionDenied, match="suspended"):
        await authenticator(tenant_active=False).authenticate(CLEAR, "10.0.0.1", "chat")


async def test_a_key_works_only_from_its_addresses() -> None:
    keys = authenticator(ip_allow=("10.0.0.0/8",))
    await keys.authenticate(CLEAR, "10.1.2.3", "chat")
    with pytest.raises(PermissionDenied, match=r"192\.0\.2\.1"):
        await keys.authenticate(CLEAR, "192.0.2.1", "chat")


async def test_a_key_does_only_what_its_scopes_say() -> None:
    keys = authenticator(scopes=frozenset({"chat"}))
    await keys.authenticate(CLEAR, "10.0.0.1", "chat")
    with pytest.raises(PermissionDenied, match="embeddings"):
        await keys.authenticate(CLEAR, "10.0.0.1", "embeddings")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("::ffff:10.1.1.1", True), ("10.255.0.1", True), ("11.0.0.1", False), ("2001:db8::1", True), ("", False)],
)
def test_addresses_are_matched_as_networks(address: str, allowed: bool) -> None:
    assert address_allowed(address, ("10.0.0.0/8", "2001:db8::/32")) is allowed


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_a_forwarded_address_counts_only_from_a_trusted_proxy(peer: str, forwarded: str, expected: str) -> None:
    assert client_address(peer, {"x-forwarded-for": forwarded}, ("10.0.0.0/8",)) == expected
