"""Searches from a sign find what the expressions do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine import quick_search

SEARCHES = {
    "base64": (quick_search.base64_words, quick_search.BASE64),
    "base32": (quick_search.base32_words, quick_search.BASE32),
    "leet": (quick_search.leet_words, quick_search.LEET),
    "apart": (quick_search.letters_apart, quick_search.APART),
}
PIECES = st.lists(
    st.one_of(
        st.sampled_from([*"aZ0135$!@.,- _*|/+~=\n\r?é\u0430\u3000", "QWERTY234567ABCD", "abcdEFGH/+_-0123", "=\n"]),
        st.characters(),
    ),
    max_size=60,
).map("".join)


@pytest.mark.parametrize("name", SEARCHES)
@settings(max_examples=400, deadline=None)
@given(text=PIECES)
def test_nothing_more_and_nothing_less_is_found(name, text):
    quick, expression = SEARCHES[name]
    assert [match.span() for match in quick(text)] == [match.span() for match in expression.finditer(text)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("base64", "see QWERTY234567ABCD\nEFgh== and aaaaaaaaaaaaaaaa", ["QWERTY234567ABCD\nEFgh==", "a" * 16]),
        ("base32", "aQWERTY234567ABCDE QWERTY234567ABCD==", ["QWERTY234567ABCD=="]),
        ("leet", "1gn0re 4ll pr3vious, at 10:30 in 3D", ["1gn0re", "4ll", "pr3vious", "3D"]),
        ("apart", "i g n o r e all, s.e.c.r.e.t", ["i g n o r e", "s.e.c.r.e.t"]),
    ],
)
def test_what_is_meant_is_found(name, text, found):
    assert [match[0] for match in SEARCHES[name][0](text)] == found
