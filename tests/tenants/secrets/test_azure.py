"""Azure Key Vault, asked through Azure's own clients."""

import logging

import pytest
from azure.identity import ClientSecretCredential

from tenants.secrets.azure import AzureSource
from tenants.secrets.references import parse_reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable
from tests.tenants.secrets.stores import AzureStore, certificate_for_localhost, serving

PLANTED = "sk-planted-in-azure"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificate_for_localhost(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def azure(certificate):
    store = AzureStore()
    store.secrets = {"openai": PLANTED, "openai/0123456789abcdef": "sk-fixed", "empty": ""}
    store.disabled = {"disabled"}
    with serving(store, certificate):
        yield store


def make_source(azure, certificate, client_secret: str | None = None) -> AzureSource:
    ca_file = str(certificate[0])

    def credential() -> ClientSecretCredential:
        return ClientSecretCredential(
            azure.tenant,
            "client-1",
            client_secret or azure.client_secret,
            authority=azure.address,
            disable_instance_discovery=True,
            connection_verify=ca_file,
            retry_total=0,
        )

    # On this machine a vault is not a subdomain of the one that its tokens are for.
    return AzureSource(
        lambda vault: azure.address,
        credential=credential,
        connection_verify=ca_file,
        verify_challenge_resource=False,
        retry_total=0,
    )


@pytest.fixture
def source(azure, certificate):
    return make_source(azure, certificate)


def read(source, text: str) -> str:
    return source.read(parse_reference(text), None)


def test_a_secret_is_read_after_answering_the_challenge(source, azure):
    assert read(source, "azure:acme-kv/openai") == PLANTED

    tokens = azure.count(f"/{azure.tenant}/oauth2/v2.0/token")
    assert read(source, "azure:acme-kv/openai") == PLANTED
    assert tokens == azure.count(f"/{azure.tenant}/oauth2/v2.0/token") == 1


def test_a_version_may_be_fixed(source, azure):
    azure.secrets["openai"] = "sk-rotated"

    assert read(source, "azure:acme-kv/openai") == "sk-rotated"
    assert read(source, "azure:acme-kv/openai/0123456789abcdef") == "sk-fixed"


def test_a_token_that_was_ended_is_replaced(source, azure):
    read(source, "azure:acme-kv/openai")
    azure.tokens = {"another"}

    assert read(source, "azure:acme-kv/openai") == PLANTED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("azure:acme-kv/nobody", "has no secret azure:acme-kv/nobody"),
        ("azure:acme-kv/openai/ffff", "has no secret"),
        ("azure:acme-kv/disabled", "is disabled"),
        ("azure:acme-kv/empty", "is empty"),
    ],
)
def test_what_is_not_there_is_missing(source, text, problem):
    with pytest.raises(SecretMissing, match=problem):
        read(source, text)


def test_an_identity_that_is_refused_is_unavailable_and_not_shown(azure, certificate):
    source = make_source(azure, certificate, client_secret="planted-wrong")

    with pytest.raises(SecretUnavailable, match="does not know who we are") as caught:
        read(source, "azure:acme-kv/openai")
    assert "planted" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_outage_is_unavailable_and_ends(source, azure):
    azure.failing = 503
    with pytest.raises(SecretUnavailable) as caught:
        read(source, "azure:acme-kv/openai")
    assert "planted" not in str(caught.value)
    azure.failing = None

    assert read(source, "azure:acme-kv/openai") == PLANTED


def test_nobody_at_the_address_is_unavailable(azure, certificate):
    source = AzureSource(lambda vault: "https://127.0.0.1:1", credential=lambda: None, retry_total=0)

    with pytest.raises(SecretUnavailable, match="could not be asked"):
        read(source, "azure:acme-kv/openai")


def test_the_clients_do_not_log_the_secret_even_when_everything_else_is_debugged(azure, certificate, caplog):
    caplog.set_level(logging.DEBUG)

    read(make_source(azure, certificate), "azure:acme-kv/openai")

    assert "planted" not in caplog.text
