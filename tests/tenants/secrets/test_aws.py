"""AWS Secrets Manager, asked through boto3."""

import logging

import pytest

from tenants.secrets.aws import AwsSource
from tenants.secrets.references import parse_reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable
from tests.tenants.secrets.stores import AwsStore, serving

PLANTED = "sk-planted-in-aws"


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    """boto3's own chain, from the environment and nowhere else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-aws-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def aws():
    store = AwsStore()
    store.secrets = {"prod/openai": PLANTED, "prod/json": f'{{"key": "{PLANTED}", "n": 1}}', "prod/binary": b"x"}
    with serving(store):
        yield store


@pytest.fixture
def source(aws):
    return AwsSource(region="eu-west-1", endpoint_url=aws.address)


def read(source, text: str) -> str:
    return source.read(parse_reference(text), None)


def test_a_secret_is_read_whole_or_by_field(source):
    assert read(source, "aws:prod/openai") == PLANTED
    assert read(source, "aws:prod/json#key") == PLANTED


def test_a_rotated_secret_is_read_anew(source, aws):
    read(source, "aws:prod/openai")
    aws.secrets["prod/openai"] = "sk-rotated"

    assert read(source, "aws:prod/openai") == "sk-rotated"


def test_the_endpoint_may_come_from_botos_own_variable(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.address)

    assert read(AwsSource(region="eu-west-1"), "aws:prod/openai") == PLANTED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("aws:prod/nobody", "ResourceNotFoundException"),
        ("aws:prod/json#other", "no such field"),
        ("aws:prod/json#n", "no text"),
        ("aws:prod/openai#key", "no JSON object"),
        ("aws:prod/binary", "binary"),
    ],
)
def test_what_is_not_there_is_missing(source, text, problem):
    with pytest.raises(SecretMissing, match=problem) as caught:
        read(source, text)
    assert "planted" not in str(caught.value)


def test_a_secret_that_is_marked_for_deletion_is_missing(source, aws):
    aws.denied = "InvalidRequestException"

    with pytest.raises(SecretMissing, match="InvalidRequestException"):
        read(source, "aws:prod/openai")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "DecryptionFailure"])
def test_a_refusal_is_unavailable_and_its_words_are_not_shown(source, aws, code):
    aws.denied = code

    with pytest.raises(SecretUnavailable, match=code) as caught:
        read(source, "aws:prod/openai")
    assert "AKIAPLANTED" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_outage_is_unavailable_and_ends(source, aws):
    aws.failing = 500
    with pytest.raises(SecretUnavailable):
        read(source, "aws:prod/openai")
    aws.failing = None

    assert read(source, "aws:prod/openai") == PLANTED


def test_nobody_at_the_address_is_unavailable():
    with pytest.raises(SecretUnavailable, match="could not be asked"):
        read(AwsSource(region="eu-west-1", endpoint_url="http://127.0.0.1:1"), "aws:prod/openai")


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_credentials_or_region_it_is_unavailable(aws, monkeypatch, missing):
    monkeypatch.delenv(missing)

    with pytest.raises(SecretUnavailable, match="could not be asked"):
        read(AwsSource(region="eu-west-1", endpoint_url=aws.address), "aws:prod/openai")


def test_the_client_does_not_log_the_secret_even_when_everything_else_is_debugged(aws, caplog):
    caplog.set_level(logging.DEBUG)
    source = AwsSource(region="eu-west-1", endpoint_url=aws.address)

    read(source, "aws:prod/openai")

    assert PLANTED not in caplog.text
    assert "planted-aws-secret" not in caplog.text
