"""What of a payload is kept."""

import logging

from contracts.specs import PayloadStorage
from gateway.engine.payloads import kept_payload

MESSAGES = [{"role": "user", "content": "I am ann@example.org"}]


def test_nothing_is_kept_unless_the_tenant_says_so() -> None:
    assert kept_payload(PayloadStorage.NONE, MESSAGES) is None


def test_everything_is_kept_where_payloads_are_stored() -> None:
    assert kept_payload(PayloadStorage.STORED, MESSAGES) is MESSAGES


def test_a_redacted_payload_has_placeholders() -> None:
    assert kept_payload(PayloadStorage.REDACTED, MESSAGES) == [{"role": "user", "content": "I am [EMAIL]"}]


def test_what_cannot_be_redacted_is_not_kept_and_does_not_stop_the_call(caplog) -> None:
    deep: object = "ann@example.org"
    for _ in range(5_000):
        deep = [deep]
    with caplog.at_level(logging.ERROR):
        assert kept_payload(PayloadStorage.REDACTED, deep) is None
    assert "ann@example.org" not in caplog.text
