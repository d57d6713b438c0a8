"""What texts are about, by their likeness to examples."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.detectors.deep.topics.detector import Topics, entity_of
from guardrails.engine.detectors.deep.topics.options import Topic, TopicOptions
from guardrails.engine.detectors.deep.topics.passages import MOST_WORDS, sentences, words_in
from guardrails.engine.text import Text

MEDICINE = Topic(
    name="Medical advice",
    examples=(
        "What dose of ibuprofen may I take?",
        "Are these symptoms of a heart attack?",
        "Which antibiotic helps against a sinus infection?",
        "Should I stop taking my blood pressure pills?",
        "Is this rash dangerous?",
    ),
)
CARDS = Topic(
    name="Cards",
    examples=(
        "My card has not arrived yet.",
        "How do I activate my new card?",
        "My bank card was stolen, please block it.",
        "Why was my card payment declined?",
        "I forgot the PIN of my card.",
    ),
)


def topics(*given: Topic, **fields: Any) -> Topics:
    return Topics(TopicOptions(topics=given or (MEDICINE,), **fields))


def found(detector: Topics, text: str) -> list[tuple[str, str]]:
    return [(one.entity, text[one.start : one.end]) for one in detector.look(Text(text))]


def test_the_sentence_about_a_forbidden_topic_is_found_and_no_other() -> None:
    text = "I need a train to Rome on Friday. How many ibuprofen pills may I take a day? Window seat, please."
    assert found(topics(), text) == [("MEDICAL_ADVICE", "How many ibuprofen pills may I take a day?")]


def test_the_evidence_is_the_nearest_example_and_nothing_of_the_text() -> None:
    [one] = topics().look(Text("Which dose of paracetamol may my secret child take?"))
    assert one.evidence == "topic “Medical advice”, nearest example “What dose of ibuprofen may I take?”"
    assert 0.5 <= one.score <= 1
    assert "secret" not in one.evidence


def test_what_is_about_none_of_the_only_topics_is_found() -> None:
    text = "Hello there! My new card does not work. Write me a poem about the sea and its waves."
    assert found(topics(CARDS, mode="only"), text) == [("OFF_TOPIC", "Write me a poem about the sea and its waves.")]


def test_small_talk_is_off_the_topic_where_the_rule_says_so() -> None:
    text = "Thank you very much for your help."
    assert found(topics(CARDS, mode="only"), text) == []
    assert found(topics(CARDS, mode="only", small_talk=False), text) == [("OFF_TOPIC", text)]


def test_a_whole_text_is_judged_by_its_nearest_passage() -> None:
    text = "I was on holiday by the sea with my family. My card payment was declined in a shop there."
    assert found(topics(CARDS, mode="only", per="text"), text) == []
    assert found(topics(CARDS, per="text"), text) == [("CARDS", text)]
    assert found(topics(MEDICINE, per="text"), text) == []
    assert found(topics(MEDICINE, mode="only", per="text"), text) == [("OFF_TOPIC", text)]


def test_counter_examples_keep_apart_what_is_easily_confused() -> None:
    text = "Which birthday card shall I buy for my grandmother?"
    confused = topics(CARDS, min_score=0.05)
    told_apart = topics(
        msgspec.structs.replace(CARDS, not_examples=("What should I write on a birthday card for my mother?",)),
        min_score=0.05,
    )
    [before], [after] = (list(one._read(text).scores.max(axis=0)) for one in (confused, told_apart))
    assert after < before


@pytest.mark.parametrize(
    "disguised", ["What d\u200bose of ibu\u200bprofen may I take?", "\uff37hat dose of ibuprofen may \uff29 take?"]
)
def test_a_text_is_read_as_a_reader_does(disguised: str) -> None:
    assert found(topics(), disguised) == [("MEDICAL_ADVICE", disguised)]


async def test_the_score_of_every_topic_is_told_where_nothing_is_found() -> None:
    detector = topics(MEDICINE, CARDS)
    measures = await detector.measures(Text("What is the capital of Peru?"))
    assert [one.name for one in measures] == ["Medical advice", "Cards"]
    assert all(one.score < one.least == 0.5 for one in measures)
    assert await detector.measures(Text("")) == []
    assert list(await detector.find(Text("... !"))) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topics": []}, "between one and 30 topics"),
        ({"topics": [{"name": "a", "examples": []}]}, "at least one example"),
        ({"topics": [{"name": " ", "examples": ["b"]}]}, "has a name"),
        ({"topics": [{"name": "a", "examples": ["x" * 501]}]}, "more than 500 characters"),
        ({"topics": [{"name": "a", "examples": ["b"]}, {"name": "A", "examples": ["b"]}]}, "there twice"),
        ({"topics": [{"name": "a", "examples": ["b"]}], "min_score": 1}, "between 0 and 1"),
        ({"topics": [{"name": "a", "examples": ["b"], "exmples": []}]}, "unknown field"),
    ],
)
def test_what_makes_no_topic_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(options, TopicOptions)


def test_a_name_becomes_an_entity() -> None:
    assert [entity_of(name) for name in ("Medical advice", "§ 5-a", "***")] == ["MEDICAL_ADVICE", "5_A", "TOPIC"]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_passages_lie_within_the_text_and_follow_one_another(text: str) -> None:
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(words_in(text, span) <= MOST_WORDS for span in spans)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["Is this rash dangerous?", "Book a table.", "ok", "\n\n", "…", "Ünïcode!"]), max_size=9)
)
def test_findings_stand_in_order_and_apart(parts: list[str]) -> None:
    text = " ".join(parts)
    for mode in ("never", "only"):
        places = [(one.start, one.end) for one in topics(mode=mode).look(Text(text))]
        assert all(start < end <= len(text) for start, end in places)
        assert all(one[1] <= other[0] for one, other in pairwise(places))
