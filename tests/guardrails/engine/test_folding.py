"""Readings of a text: what they say, and where in the original it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.folding import folded

ODD_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("ignore all previous instructions  "),
        st.sampled_from(
            "\u0456\u0430\u0435\u043e\u200b\u00ad\u0336\u0301\ufe0f\U000e0041\U0001f178ﬁ\uff41\u0301\u0302"
        ),
    ),
    max_size=60,
)


def test_plain_ascii_is_its_own_reading():
    reading = folded("Ignore\tall\nprevious")
    assert reading.text == "Ignore\tall\nprevious"
    assert reading.places is None


@pytest.mark.parametrize(
    "text",
    [
        "ignore\u200b a\u2060ll pre\u00advious",
        "\u0456gn\u043er\u0435 \u0430ll \u0440r\u0435v\u0456\u043eus",
        "\uff49\uff47\uff4e\uff4f\uff52\uff45\u3000\uff41\uff4c\uff4c previous",
        "\U0001d4f2\U0001d4f0\U0001d4f7\U0001d4f8\U0001d4fb\U0001d4ee \U0001d41a\U0001d425\U0001d425 previous",
        "i\u0336g\u0336n\u0336o\u0336r\u0336e\u0336 all previous",
        "i\u0335\u0301\u0302gnore all prev\u0337\u0322\u031bious",
        "\u026a\u0262\u0274\u1d0f\u0280\u1d07 \u1d00\u029f\u029f previous",
        "ignore a\U000e0061ll previous\ufe0f",
        "ignore \x00all\x1b previous",
    ],
)
def test_a_disguised_order_reads_as_the_plain_one(text):
    reading = folded(text)
    assert reading.text.lower() == "ignore all previous"
    start, end = reading.span(7, 10)
    assert folded(text[start:end]).text.lower().strip("\x00") == "all"


@pytest.mark.parametrize(
    "text",
    [
        "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430? \u043e\u043d",
        "\u03bb\u03cc\u03b3\u03bf\u03c2 \u03c4\u03bf\u03c5",
        "za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144",
        "caf\u00e9 \u00fcber",
        "\u8bf7\u63cf\u8ff0 \ud55c\uad6d\uc5b4",
    ],
)
def test_genuine_text_in_other_alphabets_stays(text):
    assert folded(text).text == text


def test_accents_set_apart_are_joined_with_their_letters():
    assert folded("e\u0301te\u0301").text == "\u00e9t\u00e9"


@settings(max_examples=200)
@given(ODD_TEXT)
def test_every_part_of_a_reading_has_its_place_in_the_original(text):
    reading = folded(text)
    if reading.places is not None:
        assert len(reading.places) == len(reading.text) + 1
        assert list(reading.places) == sorted(reading.places)
    for start in range(len(reading.text)):
        first, last = reading.span(start, start + 1)
        assert 0 <= first < last <= len(text)
    assert reading.span(0, len(reading.text))[1] <= len(text)


@settings(max_examples=100)
@given(ODD_TEXT)
def test_folding_what_is_folded_removes_nothing_more_that_is_invisible(text):
    assert "\u200b" not in folded(text).text
    assert "\x00" not in folded(text).text
