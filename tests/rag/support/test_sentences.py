"""Answers cut into sentences with their places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.engine.support.sentences import claims, plain, sentences, sentences_of

ANSWER = """## Leave

Sure, here is what I found:

1. Employees have 28 days of leave [1]. Dr. Meyer approves it [2, 3].
- **Unused** leave expires on 31 March.[1]

```python
days = 28  # never a claim. Not at all.
```

Is that enough? It is valid from 1.5.2024 on. 休暇は28日です。それは有効です。
"""


def test_places_are_those_of_the_answer():
    for one in sentences(ANSWER):
        assert ANSWER[one.start : one.end] == one.text


def test_code_headings_questions_and_small_talk_claim_nothing():
    said = [one.said for one in claims(ANSWER)]

    assert said == [
        "Employees have 28 days of leave.",
        "Dr. Meyer approves it.",
        "Unused leave expires on 31 March.",
        "It is valid from 1.5.2024 on.",
        "休暇は28日です。",
        "それは有効です。",
    ]


def test_citations_belong_to_the_sentence_before_them():
    cited = {one.said: one.cited for one in claims(ANSWER)}

    assert cited["Employees have 28 days of leave."] == (1,)
    assert cited["Dr. Meyer approves it."] == (2, 3)
    assert cited["Unused leave expires on 31 March."] == (1,)


def test_a_citation_after_the_full_stop_ends_its_sentence():
    first, second = sentences("It opens at eight. [2] It closes at five. [1]")

    assert (first.cited, second.cited) == ((2,), (1,))


@pytest.mark.parametrize(
    ("mark", "cited"), [("[2-4]", (2, 3, 4)), ("[1, 3–4]", (1, 3, 4)), ("[4-2]", ()), ("[1-999]", tuple(range(1, 22)))]
)
def test_ranges_are_cited_number_by_number(mark: str, cited: tuple[int, ...]):
    (one,) = sentences(f"The office opens at eight {mark}.")

    assert one.cited == cited


def test_code_that_is_not_closed_claims_nothing():
    assert claims("```\nx = 1. It is so.") == []


def test_a_passage_without_sentences_is_one():
    assert sentences_of("") == [""]
    assert sentences_of("no full stop") == ["no full stop"]
    assert len(sentences_of("One is here. " * 200)) == 80


@pytest.mark.parametrize(
    ("text", "bare"),
    [("- **Bold** text [1]", "Bold text"), ("> `code` is kept [2, 3].", "code is kept."), ("3) third", "third")],
)
def test_marks_are_taken_off(text: str, bare: str):
    assert plain(text) == bare


@given(st.text(max_size=300))
def test_any_text_is_cut_in_order_and_nothing_is_invented(text: str):
    end = 0
    for one in sentences(text):
        assert end <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == one.text
        end = one.end
