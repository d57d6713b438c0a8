"""Finding a kept question that asks the same: embeddings, the index, the evidence, the judge."""

from __future__ import annotations

import time

import numpy as np
import pytest

from contracts.chat import ChatRequest, JsonObject
from embeddings.static import DIMENSIONS, Embedder, shared_embedder
from gateway.engine.cache.semantic.agreement import agreement
from gateway.engine.cache.semantic.asked import question_of
from gateway.engine.cache.semantic.features import NAMES
from gateway.engine.cache.semantic.index import VectorIndex
from gateway.engine.cache.semantic.judge import Judge, Trees
from gateway.engine.cache.semantic.profile import opposed, profile_of
from gateway.engine.cache.semantic.questions import Questions
from gateway.engine.cache.semantic.remembered import Entry, RouteQuestions, WorkerQuestions


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return shared_embedder()


def unit_vectors(count: int) -> np.ndarray:
    vectors = np.random.default_rng(7).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_vectors_are_found_among_many() -> None:
    vectors = unit_vectors(3_000)
    index = VectorIndex()
    for vector in vectors:
        index.add(vector)
    for place in (0, 1_500, 2_999):
        found = index.nearest(vectors[place], 3)
        assert found[0][0] == place
        assert found[0][1] == pytest.approx(1, abs=1e-2)


def test_a_place_that_is_given_up_goes_to_the_last_vector() -> None:
    vectors = unit_vectors(20)
    index = VectorIndex()
    for vector in vectors:
        index.add(vector)
    assert index.remove(3) == 19
    assert index.size == 19
    assert index.nearest(vectors[3], 1)[0][1] < 0.5
    assert index.nearest(vectors[19], 1)[0][0] == 3


def test_a_forgotten_question_is_found_no_more(embedder: Embedder) -> None:
    questions = Questions(embedder)
    for name in ("a", "b", "c"):
        questions.add(name, f"What about case {name}?")
    questions.remove("a")
    questions.remove("unknown")
    questions.add("c", "What about something else?")
    assert {candidate.key for candidate in questions.candidates("What about case c?")} == {"b", "c"}
    assert len(questions) == 2


def test_a_route_forgets_its_oldest_questions_and_those_whose_time_is_over(embedder: Embedder) -> None:
    route = RouteQuestions(embedder, Judge.fitted())
    for number in range(4):
        entry = Entry(str(number), "scope", f"Who won race {number}?", ends_at_ms=100 + number)
        route.add(entry, embedder.embed(entry.text), most=3)
    assert len(route) == 3
    text = "Who won race 1?"
    assert [match.key for match in route.matches("scope", text, embedder.embed(text), now_ms=0)] == ["1"]
    assert route.matches("another", text, embedder.embed(text), now_ms=0) == []
    assert route.matches("scope", text, embedder.embed(text), now_ms=101) == []
    assert len(route) == 2


def test_a_worker_drops_the_routes_that_were_not_asked_for_longest(embedder: Embedder) -> None:
    worker = WorkerQuestions(embedder, Judge.fitted(), most=3)
    for name in ("one", "two"):
        for number in range(2):
            entry = Entry(str(number), "scope", f"Is it {number}?", ends_at_ms=1)
            worker.of(name).add(entry, embedder.embed(entry.text), most=10)
    assert worker.make_room() == ["one"]
    assert (len(worker.of("one")), len(worker.of("two"))) == (0, 2)


def test_a_profile_tells_numbers_names_and_negation() -> None:
    profile = profile_of("Why can't I send 3.5 BTC to Alice in Berlin?")
    assert profile.numbers == {"3.5"}
    assert profile.names == {"btc", "alice", "berlin"}
    assert profile.negated
    assert profile.asks == "why"


def test_opposites_are_told() -> None:
    assert opposed(profile_of("How to enable it?"), profile_of("How to disable it?"))
    assert not opposed(profile_of("How to enable it?"), profile_of("How to switch it on?"))


@pytest.mark.parametrize(
    ("kept", "asked", "name"),
    [
        ("Flights in 2016", "Flights in 2017", "numbers_differ"),
        ("Is life in Rome cheap?", "Is life in Oslo cheap?", "names_differ"),
        ("Can I cancel it?", "Can't I cancel it?", "negation_differs"),
        ("Where is it made?", "Why is it made?", "question_differs"),
    ],
)
def test_evidence_holds_what_makes_a_hit_wrong(embedder: Embedder, kept: str, asked: str, name: str) -> None:
    questions = Questions(embedder)
    questions.add("kept", kept)
    [candidate] = questions.candidates(asked)
    assert candidate.evidence[NAMES.index(name)] == 1


def test_objects_of_two_tenants_have_nothing_in_common(embedder: Embedder) -> None:
    mine, yours = Questions(embedder), Questions(embedder)
    mine.add("a", "How do I reset my password?")
    assert yours.candidates("How do I reset my password?") == []


def test_trees_are_walked_to_their_leaves() -> None:
    trees = Trees(NAMES, 0.0, 1, [0], [0, 0, 0], [0.5, 0.0, 0.0], [1, 1, 2], [2, 1, 2], [0.0, -2.0, 2.0])
    judge = Judge(trees)
    rows = [[0.5] + [0.0] * 17, [0.6] + [0.0] * 17]
    assert judge.log_odds(rows).tolist() == [-2.0, 2.0]
    low, high = judge.confidence(rows)
    assert low < high < 0.6


def test_a_lookup_takes_no_time_to_speak_of(embedder: Embedder) -> None:
    questions = Questions(embedder)
    for number in range(500):
        questions.add(str(number), f"What about case number {number}?")
    best = min(_seconds(questions) for _ in range(5))
    assert best < 0.05


def _seconds(questions: Questions) -> float:
    started = time.perf_counter()
    questions.candidates("What about case number 77?")
    return time.perf_counter() - started


def test_the_shipped_judge_is_surer_of_a_repetition_than_of_a_look_alike(embedder: Embedder) -> None:
    questions, judge = Questions(embedder), Judge.fitted()
    for thing in ("laptop", "camera", "phone"):
        questions.add(thing, f"What is the best {thing} to buy in 2016?")
    same, other, *_ = questions.matches("Which is the best laptop to buy in 2016?", judge)
    assert same.key == "laptop"
    assert same.confidence > other.confidence
    assert questions.matches("What is the best laptop to buy in 2019?", judge) == []
    assert Questions(embedder).matches("Anything?", judge) == []


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("It is open from 9 to 5.", "It is  open from 9 to 5.", 1, 1),
        ("It costs 5 dollars.", "It costs 7 dollars.", 0, 0.5),
        ("Yes, you can return it.", "No, you can not return it.", 0, 0.5),
        ("The river flows north.", "Add two eggs and stir.", 0, 0.5),
        ("", "Something", 0, 0),
    ],
)
def test_answers_agree_as_far_as_they_say_the_same(
    embedder: Embedder, one: str, other: str, least: float, most: float
) -> None:
    assert least <= agreement(_answer(one), _answer(other), embedder) <= most


def test_answers_that_call_tools_otherwise_do_not_agree(embedder: Embedder) -> None:
    def calls(arguments: str) -> JsonObject:
        call = {"function": {"name": "weather", "arguments": arguments}}
        return {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}

    assert agreement(calls('{"a": 1, "b": 2}'), calls('{"b":2,"a":1}'), embedder) == 1
    assert agreement(calls('{"a": 1}'), calls('{"a": 2}'), embedder) == 0


def _answer(text: str) -> JsonObject:
    return {"choices": [{"message": {"content": text}}]}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "Why?"}], "Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}], "Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], None),
        ([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because"}], None),
        ([{"role": "user", "content": " "}], None),
        ([{"role": "user", "content": "a" * 601}], None),
        ([{"role": "user", "content": None}], None),
    ],
)
def test_the_question_is_the_last_text_of_the_user(messages: list[JsonObject], text: str | None) -> None:
    question = question_of(ChatRequest(messages=[], body={"messages": messages, "seed": 1}))
    assert (question.text if question else None) == text
    if question is not None:
        assert "Why?" not in str(question.rest)
        assert question.rest["seed"] == 1
