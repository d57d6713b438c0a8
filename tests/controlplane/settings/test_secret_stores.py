"""The settings of secret stores and of the keys that stored secrets are under."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from controlplane.settings.env import read_environment

GOOD = "k" * 32


def test_keys_are_given_in_order_of_preference():
    assert read_environment({"SECRETS_KEYS": f"{GOOD}, {'o' * 40},"}).secrets_keys == (GOOD, "o" * 40)
    assert read_environment({}).secrets_keys == ()


@pytest.mark.parametrize("keys", ["planted-short", f"{GOOD},planted-short"])
def test_a_key_that_is_too_short_is_told_and_not_repeated(keys):
    with pytest.raises(ImproperlyConfigured, match="SECRETS_KEYS must hold keys of at least 32") as caught:
        read_environment({"SECRETS_KEYS": keys})
    assert "planted" not in str(caught.value)
    assert GOOD not in str(caught.value)


def test_a_vault_is_at_an_http_address():
    with pytest.raises(ImproperlyConfigured, match="VAULT_ADDR must begin with http"):
        read_environment({"VAULT_ADDR": "vault.example.com"})


def test_the_defaults_are_those_of_the_document():
    environment = read_environment({})

    assert (environment.secrets_ttl_s, environment.secrets_stale_s) == (300, 86_400)
    assert (environment.vault_approle_mount, environment.azure_keyvault_dns_suffix) == ("approle", "vault.azure.net")
