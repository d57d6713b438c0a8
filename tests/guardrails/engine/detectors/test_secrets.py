"""Credentials in texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.detectors.secrets import LONGEST, Secrets, entropy
from guardrails.engine.text import Text

SECRETS = Secrets()


def found(text: str) -> list[tuple[str, str]]:
    return [(one.entity, text[one.start : one.end]) for one in SECRETS.find(Text(text))]


RANDOM = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"


@pytest.mark.parametrize(
    "secret",
    [
        f"sk-proj-{RANDOM}",
        "AKIAIOSFODNN7EXAMPLE",
        f"AIza{RANDOM}abc",
        f"ghp_{RANDOM}abcd",
        f"glpat-{RANDOM}",
        f"xoxb-{RANDOM}",
        f"sk_live_{RANDOM}",
        f"SG.{RANDOM}.{RANDOM}",
        f"hf_{RANDOM}",
        f"npm_{RANDOM}abcd",
        f"pypi-{RANDOM}{RANDOM}",
        f"hvs.{RANDOM}",
        f"bw_ab12cd34_{RANDOM}",
        "dop_v1_" + "0123456789abcdef" * 4,
        f"whsec_{RANDOM}",
    ],
)
def test_is_known_by_its_issuers_prefix(secret):
    assert found(f"use {secret} for it") == [("SECRET", secret)]


def test_a_private_key_is_told_whole():
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + (RANDOM * 2 + "\n") * 50 + "-----END RSA PRIVATE KEY-----"
    assert found(f"here: {key} thanks") == [("PRIVATE_KEY", key)]


def test_a_private_key_that_is_cut_off_is_told_to_where_it_ends():
    key = "-----BEGIN PRIVATE KEY-----\n" + (RANDOM + "\n") * 3
    assert found(key) == [("PRIVATE_KEY", key)]


def test_a_json_web_token_is_known_by_its_form():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g"
    assert found(f"token {token}") == [("ACCESS_TOKEN", token)]


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("postgres://app:s3cr3t@db.example.com/app", "s3cr3t"),
        ("Server=db;User=sa;Password=Tr0ub4dor;", "Tr0ub4dor"),
        ("mongodb+srv://u:p%40ss@cluster.example.net", "p%40ss"),
    ],
)
def test_passwords_in_connection_strings_are_told(text, password):
    assert found(text) == [("CONNECTION_STRING_PASSWORD", password)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my password is hunter2x", "hunter2x"),
        ("Password: correcthorse", "correcthorse"),
        ('api_key = "9f8a7b6c5d4e3f2a1b0c9d8e"', "9f8a7b6c5d4e3f2a1b0c9d8e"),
        ("client secret: Zx81-Qw92-Er03-Ty14", "Zx81-Qw92-Er03-Ty14"),
        ("Passwort: Geheim123", "Geheim123"),
        ("Authorization: Bearer 9f8a7b6c5d4e3f2a1b0c", "9f8a7b6c5d4e3f2a1b0c"),
    ],
)
def test_a_value_after_a_telling_name_is_told(text, value):
    assert [written for _, written in found(text)] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "the secret is out and the key is under the mat",
        "your password is required, a token is returned",
        "api_key = YOUR_API_KEY; token: <your-token>; password: ********",
        "use sk-xxxxxxxxxxxxxxxxxxxxxxxx as the key",
        "the key: understanding",
        "https://example.com/a:b@c is an odd address",
        "pass the salt; key-value stores; secretary",
        "password={password}",
    ],
)
def test_words_and_placeholders_are_left_alone(text):
    assert found(text) == []


def test_is_found_behind_invisible_characters():
    assert [entity for entity, _ in found("AKIA\u200bIOSFODNN7EXAMPLE")] == ["SECRET"]


def test_entropy_tells_random_values_from_words():
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy(RANDOM) == 5.0


@given(st.text(alphabet=st.sampled_from("sk-pasword=: eyJ.AKI@/\n\"'x9Z_"), max_size=300))
@settings(max_examples=150, deadline=None)
def test_findings_are_in_order_apart_and_within_the_window(text):
    end = 0
    for one in SECRETS.find(Text(text)):
        assert end <= one.start < one.end <= len(text)
        assert one.end - one.start <= LONGEST
        end = one.end
