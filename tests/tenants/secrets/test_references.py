"""Secrets are named by reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.secrets.references import SUPPORTED, parse_reference, parse_reference_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("env:OPENAI_API_KEY", ("env", "OPENAI_API_KEY", "", "")),
        ("db:openai.prod-1", ("db", "openai.prod-1", "", "")),
        ("vault:kv/providers/openai#api_key", ("vault", "kv/providers/openai", "api_key", "")),
        ("aws:prod/openai", ("aws", "prod/openai", "", "")),
        (
            "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:openai-AbCdEf#key",
            ("aws", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:openai-AbCdEf", "key", ""),
        ),
        ("azure:acme-kv/openai", ("azure", "acme-kv/openai", "", "")),
        ("azure:acme-kv/openai/0123456789abcdef", ("azure", "acme-kv/openai", "", "0123456789abcdef")),
    ],
)
def test_a_reference_has_its_schemes_parts(text, parts):
    reference = parse_reference(text)

    assert (reference.scheme, reference.path, reference.field, reference.version) == parts
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-clear-text",
        "ftp:x",
        *("env:", "env:1X", "env:A B", "env:Ä"),
        *("db:", "db:-x", "db:a/b", "db:a b"),
        *("vault:kv/openai", "vault:kv#field", "vault:kv/../other#field", "vault:kv//x#f", "vault:/kv/x#f"),
        *("aws:", "aws:name#", "aws:a b", "aws:x#a b"),
        *("azure:kv", "azure:kv.evil.com/x", "azure:acme-kv/openai/", "azure:a@b/x"),
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ValueError, match=r"Supported|After|reference"):
        parse_reference(text)


@pytest.mark.parametrize("form", SUPPORTED)
def test_every_supported_form_is_named_where_none_fits(form):
    with pytest.raises(ValueError, match="Supported") as caught:
        parse_reference("sk-clear")
    assert form in str(caught.value)


@given(
    st.text(min_size=20).filter(lambda text: text.partition(":")[0] not in {"env", "db", "vault", "aws", "azure"}),
)
def test_a_pasted_credential_is_never_repeated_in_the_error(pasted):
    with pytest.raises(ValueError, match="Supported") as caught:
        parse_reference(pasted)
    assert pasted not in str(caught.value)


def _problem(text: str) -> str:
    try:
        parse_reference(text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.sampled_from(["env", "db", "vault", "aws", "azure"]), st.text(min_size=12))
def test_what_follows_a_scheme_is_never_repeated_in_the_error(scheme, pasted):
    assert pasted not in _problem(f"{scheme}:{pasted}")


@pytest.mark.parametrize("text", ["env:OPENAI_API_KEY", "vault:kv/x#f", "aws:x", "azure:acme-kv/x"])
def test_a_tenants_own_provider_cannot_refer_to_what_the_gateway_reads_with_its_own_rights(text):
    with pytest.raises(ValueError, match=r"tenant's own provider may only use what the tenant stored itself"):
        parse_reference_of(text, tenant_owned=True)

    assert parse_reference_of(text, tenant_owned=False).text == text
    assert parse_reference_of("db:mine", tenant_owned=True).path == "mine"
