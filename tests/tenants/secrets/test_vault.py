"""HashiCorp Vault, asked through its own client."""

import pytest

from tenants.secrets.references import parse_reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable
from tenants.secrets.vault import VaultAccess, VaultSource
from tests.tenants.secrets.doubles import Time
from tests.tenants.secrets.stores import VaultStore, certificate_for_localhost, serving

REFERENCE = parse_reference("vault:kv/providers/openai#key")
PLANTED = "sk-planted-in-vault"
LOGIN = "/v1/auth/approle/login"


@pytest.fixture
def vault():
    store = VaultStore()
    store.secrets["kv/providers/openai"] = {"key": PLANTED, "number": 7}
    with serving(store):
        yield store


@pytest.fixture
def clock():
    return Time()


def with_token(vault, clock, **access) -> VaultSource:
    return VaultSource(VaultAccess(**{"address": vault.address, "token": vault.issue(), **access}), clock=clock)


def with_role(vault, clock, **access) -> VaultSource:
    role = {"role_id": "role-1", "secret_id": "planted-secret-id"}
    return VaultSource(VaultAccess(**{"address": vault.address, **role, **access}), clock=clock)


@pytest.fixture(params=[with_token, with_role], ids=["token", "approle"])
def source(request, vault, clock):
    return request.param(vault, clock)


def test_a_field_of_the_newest_version_is_read(source, vault):
    assert source.read(REFERENCE, None) == PLANTED

    vault.secrets["kv/providers/openai"]["key"] = "sk-rotated"
    assert source.read(REFERENCE, None) == "sk-rotated"
    assert vault.count(LOGIN) <= 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vault:kv/providers/nobody#key", "has no secret at vault:kv/providers/nobody#key"),
        ("vault:elsewhere/providers/openai#key", "has no secret at"),
        ("vault:kv/providers/openai#other", "no such field"),
        ("vault:kv/providers/openai#number", "no text"),
    ],
)
def test_what_is_not_there_is_missing(source, text, problem):
    with pytest.raises(SecretMissing, match=problem):
        source.read(parse_reference(text), None)


def test_a_vault_that_is_down_or_sealed_is_unavailable_and_comes_back(source, vault):
    assert source.read(REFERENCE, None) == PLANTED
    for status in (500, 502, 503):
        vault.failing = status
        with pytest.raises(SecretUnavailable) as caught:
            source.read(REFERENCE, None)
        assert "planted" not in str(caught.value)
        assert caught.value.__suppress_context__
    vault.failing = None
    assert source.read(REFERENCE, None) == PLANTED


def test_a_vault_that_nobody_answers_for_is_unavailable(clock):
    source = VaultSource(VaultAccess(address="http://127.0.0.1:1", token="t"), clock=clock)

    with pytest.raises(SecretUnavailable, match="could not be asked"):
        source.read(REFERENCE, None)


def test_without_an_address_the_setting_is_named(clock):
    with pytest.raises(SecretUnavailable, match="VAULT_ADDR"):
        VaultSource(VaultAccess(address=""), clock=clock).read(REFERENCE, None)


def test_a_token_that_is_not_allowed_is_unavailable_and_not_shown(vault, clock):
    source = with_token(vault, clock, token="hvs.planted-elsewhere")

    with pytest.raises(SecretUnavailable, match="does not let us read") as caught:
        source.read(REFERENCE, None)
    assert "planted" not in str(caught.value)


def test_a_role_that_is_refused_is_unavailable_and_its_secret_not_shown(vault, clock):
    source = with_role(vault, clock, secret_id="planted-wrong")

    with pytest.raises(SecretUnavailable) as caught:
        source.read(REFERENCE, None)
    assert "planted" not in str(caught.value)


def test_a_role_logs_in_again_when_its_token_was_ended(vault, clock):
    source = with_role(vault, clock)
    source.read(REFERENCE, None)

    vault.tokens.clear()

    assert source.read(REFERENCE, None) == PLANTED
    assert vault.count(LOGIN) == 2


def test_a_token_is_renewed_before_it_ends(source, vault, clock):
    source.read(REFERENCE, None)
    clock.now += vault.ttl * 0.5
    source.read(REFERENCE, None)
    assert vault.count("/v1/auth/token/renew-self") == 0

    clock.now += vault.ttl * 0.2
    source.read(REFERENCE, None)
    source.read(REFERENCE, None)

    assert vault.count("/v1/auth/token/renew-self") == 1


def test_a_roles_token_that_cannot_be_renewed_is_replaced_before_it_ends(vault, clock):
    vault.renewable = False
    source = with_role(vault, clock)
    source.read(REFERENCE, None)

    clock.now += vault.ttl * 0.7
    source.read(REFERENCE, None)

    assert vault.count(LOGIN) == 2
    assert vault.count("/v1/auth/token/renew-self") == 0


def test_the_namespace_is_sent(vault, clock):
    vault.namespace = "team-a"
    vault.tokens["t"] = {"ttl": 0, "renewable": False}

    assert with_role(vault, clock, namespace="team-a").read(REFERENCE, None) == PLANTED
    with pytest.raises(SecretMissing):
        with_token(vault, clock, token="t").read(REFERENCE, None)


def test_approle_may_be_mounted_elsewhere(vault, clock):
    assert with_role(vault, clock, approle_mount="machines").read(REFERENCE, None) == PLANTED
    assert vault.count("/v1/auth/machines/login") == 1


def test_tls_is_checked_against_the_given_authority(tmp_path, clock):
    certificate = certificate_for_localhost(tmp_path)
    store = VaultStore()
    store.scheme = "https"
    store.secrets["kv/providers/openai"] = {"key": PLANTED}
    with serving(store, certificate):
        assert with_token(store, clock, ca_file=str(certificate[0])).read(REFERENCE, None) == PLANTED
        with pytest.raises(SecretUnavailable, match="could not be asked"):
            with_token(store, clock).read(REFERENCE, None)


def test_what_proves_who_we_are_does_not_show_itself():
    access = VaultAccess(address="a", token="planted", secret_id="planted")

    assert "planted" not in repr(access)
