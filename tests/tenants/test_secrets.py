"""Secrets are named by reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.secrets import EnvSecretResolver, parse_reference


def test_an_env_reference_resolves_to_the_variable():
    assert EnvSecretResolver({"OPENAI_API_KEY": " sk-123 \n"}).resolve("env:OPENAI_API_KEY") == "sk-123"


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("BREAKWATER_TEST_SECRET", "s")

    assert EnvSecretResolver().resolve("env:BREAKWATER_TEST_SECRET") == "s"


@pytest.mark.parametrize("environ", [{}, {"NAME": ""}, {"NAME": "  "}])
def test_an_unset_variable_is_named_in_the_error(environ):
    with pytest.raises(LookupError, match="env:NAME is not set"):
        EnvSecretResolver(environ).resolve("env:NAME")


@pytest.mark.parametrize("reference", ["", "sk-clear-text", "vault:kv/openai", "env:", "env:1X", "env:A B", "env:Ä"])
def test_what_is_no_reference_is_refused_with_what_is_supported(reference):
    with pytest.raises(LookupError, match="env:"):
        EnvSecretResolver({}).resolve(reference)


@given(st.text(min_size=20).filter(lambda text: not text.startswith("env:")))
def test_a_pasted_credential_is_never_repeated_in_the_error(pasted):
    with pytest.raises(ValueError, match=r"Supported|environment variable") as caught:
        parse_reference(pasted)
    assert pasted not in str(caught.value)
