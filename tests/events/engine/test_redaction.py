"""Personal data and credentials are replaced before a payload is kept."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.credentials import ISSUED, JSON_WEB_TOKEN, PRIVATE_KEY
from events.engine.redaction import redact, redact_json

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "pii.jsonl"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ann.o'neil+x@mail.example.co.uk, please", "Write to [EMAIL], please"),
        ("jürgen@bücher.example", "[EMAIL]"),
        ("4111 1111 1111 1111 or 378282246310005.", "[CREDIT_CARD] or [CREDIT_CARD]."),
        ("IBAN: DE89 3704 0044 0532 0130 00!", "IBAN: [IBAN]!"),
        ("gb82west12345698765432", "[IBAN]"),
        ("from 10.0.0.7 to 2001:db8::8a2e:370:7334", "from [IP] to [IP]"),
        ("call +1 (415) 555-2671 or 555-867-5309 x12", "call [PHONE] or [PHONE]"),
        ("Tel. 030 1234567", "Tel. [PHONE]"),
        ("my SSN is 123-45-6789", "my SSN is [NATIONAL_ID]"),
        (
            "PESEL 44051401359, DNI 54362315K, NIR 295109912611193",
            "PESEL [NATIONAL_ID], DNI [NATIONAL_ID], NIR [NATIONAL_ID]",
        ),
        ("RCCMNL83S18D969H", "[NATIONAL_ID]"),
        ("key sk-proj-abcdefghijklmnopqrstuvwx and AKIAIOSFODNN7EXAMPLE", "key [SECRET] and [SECRET]"),
        ("bw_abcdefgh_" + "x" * 43, "[SECRET]"),
        ("password: hunter22, next", "password: [SECRET], next"),
        ('{"api_key": "0123456789abcdef"}', '{"api_key": "[SECRET]"}'),
        ("Authorization: Bearer abcdefghijklmnop.qrstuv", "Authorization: Bearer [SECRET]"),
        ("postgresql://app:s3cret@db/x", "postgresql://app:[SECRET]@db/x"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nok", "[SECRET]\nok"),
    ],
)
def test_it_is_replaced_by_what_it_was(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "The year 2024, 1,234,567.89 dollars and 3.14159265",
        "On 2024-01-15 12:30:59 and 15.01.2024",
        "Card 4111 1111 1111 1112 fails its checksum",
        "Version 1.2.3, section 4.5.6.7.8, at 12:34:56",
        "a passing token of esteem is the key to it",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "person @ place, @handle, C++ std::vector",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert redact(text) == text


def test_messages_are_redacted_through_and_through_and_the_original_is_left_alone():
    message = {
        "role": "user",
        "content": [
            {"type": "text", "text": "I am ann@example.org"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            {"type": "input_audio", "input_audio": {"data": "QUJD" * 100, "format": "wav"}},
        ],
        "tool_calls": [{"function": {"arguments": '{"card": 4111111111111111}'}}],
        "input": {"ann@example.org": 4111111111111111, "n": 3, "on": True},
    }
    before = json.dumps(message)

    assert redact_json(message) == {
        "role": "user",
        "content": [
            {"type": "text", "text": "I am [EMAIL]"},
            {"type": "image_url", "image_url": {"url": "[DATA]"}},
            {"type": "input_audio", "input_audio": {"data": "[DATA]", "format": "wav"}},
        ],
        "tool_calls": [{"function": {"arguments": '{"card": [CREDIT_CARD]}'}}],
        "input": {"[EMAIL]": "[CREDIT_CARD]", "n": 3, "on": True},
    }
    assert json.dumps(message) == before


def test_token_ids_can_be_turned_back_into_text_and_are_not_kept():
    assert redact_json([[15496, 995], [1, 2]]) == ["[TOKENS]", "[TOKENS]"]


pieces = st.sampled_from(
    [
        "ann@",
        "@",
        "example.org",
        "1",
        "-",
        " ",
        "(",
        "+",
        ".",
        ":",
        "::",
        "4111",
        "DE89",
        "sk-",
        "key",
        "=",
        "://",
        "x",
        "é",
        "٣",
        "İ",
    ]
)


@given(text=st.text() | st.lists(pieces, max_size=60).map("".join))
def test_any_text_is_redacted_and_a_second_time_changes_nothing(text):
    once = redact(text)

    assert redact(once) == once


def test_two_thousand_characters_take_less_than_a_millisecond():
    text = ("Hello, my name is Ann. Call +1 415 555 2671 or write to ann@example.org about order 12345678. " * 25)[
        :2000
    ]
    redact(text)
    fastest = min(_seconds(text) for _ in range(20))

    assert fastest < 0.001


def _seconds(text: str) -> float:
    start = time.perf_counter()
    redact(text)
    return time.perf_counter() - start


@pytest.mark.skipif(not DATA.exists(), reason="the labelled data set is not on this machine")
@pytest.mark.parametrize(
    ("kind", "recall"),
    [
        ("EMAIL_ADDRESS", 0.99),
        ("CREDIT_CARD", 0.99),
        ("IBAN_CODE", 0.99),
        ("US_SSN", 0.99),
        ("IP_ADDRESS", 0.99),
        ("PHONE_NUMBER", 0.85),
    ],
)
def test_recall_on_labelled_text(kind, recall):
    found = total = 0
    for line in DATA.read_text(encoding="utf-8").splitlines():
        row = msgspec.json.decode(line)
        redacted = redact(row["text"])
        for span in row["spans"]:
            if span["type"] == kind:
                total += 1
                found += row["text"][span["start"] : span["end"]] not in redacted

    assert found / total >= recall


@pytest.mark.parametrize("known", [*ISSUED, JSON_WEB_TOKEN, PRIVATE_KEY], ids=lambda known: known.issuer)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_guardrails_know_as_a_credential_is_redacted_too(known, data):
    credential = data.draw(st.from_regex(known.form, fullmatch=True))
    assert any(mark in credential for mark in known.marks)
    assert credential not in redact(f"It is {credential} .")
