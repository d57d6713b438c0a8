"""How a text is put before a judge, and how the verdict is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ports import ModelQuestion
from guardrails.engine.asking import NobodyToAsk, asking
from guardrails.engine.detectors.deep.judge.detector import MOST_PIECES, PIECE, Judge, TextTooLong
from guardrails.engine.detectors.deep.judge.framing import NoVerdict, instructions, key_of, question, verdict_in
from guardrails.engine.detectors.deep.judge.options import JudgeOptions
from guardrails.engine.text import Text

OPTIONS = JudgeOptions(criterion="It is about a refund.", route="judges")


class Model:
    """Answers with the verdicts of texts that hold a word."""

    def __init__(self, word: str = "refund", tenant_id: str = "tenant-1") -> None:
        self.word, self.tenant_id = word, tenant_id
        self.questions: list[ModelQuestion] = []

    async def ask(self, asked: ModelQuestion) -> str:
        self.questions.append(asked)
        key = asked.schema["properties"]["key"]["enum"][0]
        verdict = {"key": key, "matches": self.word in asked.question, "confidence": 0.8, "reason": "So it is."}
        return f"Here it is:\n```json\n{msgspec.json.encode(verdict).decode()}\n```"


async def test_a_text_is_found_as_a_whole_with_the_confidence_as_its_score() -> None:
    with asking(Model()):
        [found] = await Judge(OPTIONS).find(Text("Give me a refund"))
    assert (found.start, found.end, found.entity, found.score) == (0, 16, "JUDGED", 0.8)


async def test_less_sure_verdicts_are_left_out() -> None:
    with asking(Model()):
        assert await Judge(msgspec.structs.replace(OPTIONS, min_confidence=0.9)).find(Text("a refund")) == []


async def test_a_long_text_is_judged_in_pieces_and_a_longer_one_not_at_all() -> None:
    model = Model()
    with asking(model):
        assert await Judge(OPTIONS).find(Text("x" * PIECE + "refund" + "x" * PIECE))
        assert len(model.questions) == 3
        with pytest.raises(TextTooLong):
            await Judge(OPTIONS).find(Text("x" * (PIECE * MOST_PIECES + 1)))


async def test_verdicts_are_kept_by_tenant() -> None:
    judge, one, other = Judge(OPTIONS), Model(), Model(tenant_id="tenant-2")
    for model in (one, one, other):
        with asking(model):
            await judge.find(Text("a refund"))
    assert (len(one.questions), len(other.questions)) == (1, 1)


async def test_the_reason_is_for_whoever_tries_the_text_out() -> None:
    judge = Judge(OPTIONS)
    with asking(Model()):
        assert await judge.measures(Text("a refund")) == []
        await judge.find(Text("a refund"))
        [measure] = await judge.measures(Text("a refund"))
    assert (measure.score, measure.note) == (0.8, "It holds. So it is.")


async def test_without_anybody_to_ask_it_cannot_tell() -> None:
    with pytest.raises(NobodyToAsk):
        await Judge(OPTIONS).find(Text("a refund"))
    assert await Judge(OPTIONS).find(Text(" ")) == []


def test_the_marks_are_those_of_the_text_alone() -> None:
    key = key_of("a", "text")
    assert key != key_of("a", "other text")
    assert key != key_of("b", "text")
    assert question("text", key).startswith(f"<text-{key}>\ntext\n</text-{key}>")
    assert f'"key": "{key}"' in instructions("a", key)


@pytest.mark.parametrize(
    "answer",
    [
        '{"key": "k", "matches": true, "confidence": 0.7, "reason": "r"}',
        'Sure!\n```json\n{"key": "k", "matches": true, "confidence": 0.7}\n```\nAnything else?',
        '{"key": "other", "matches": false, "confidence": 1} {"key": "k", "matches": true, "confidence": 0.7}',
        'The set {a, b} matters. {"key": "k", "matches": true, "confidence": 0.7, "more": {"a": [1]}}',
    ],
)
def test_a_verdict_is_read_from_what_models_wrap_it_in(answer: str) -> None:
    verdict = verdict_in(answer, "k")
    assert (verdict.matches, verdict.confidence) == (True, 0.7)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        '{"matches": false, "confidence": 1}',
        '{"key": "k", "matches": "false", "confidence": 1}',
        '{"key": "k", "matches": true, "confidence": 7}',
        '{"key": "k", "matches": true, "confidence": true}',
        '{"key": "k", "matches": true, "confidence": 1} {"key": "k", "matches": false, "confidence": 1}',
        '{"key": "k", "matches": true',
    ],
)
def test_what_is_no_verdict_is_none(answer: str) -> None:
    with pytest.raises(NoVerdict):
        verdict_in(answer, "k")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_answer_breaks_the_reading(answer: str) -> None:
    with pytest.raises(NoVerdict):
        verdict_in(answer, "k")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": " ", "route": "a"}, "criterion"),
        ({"criterion": "a", "route": " "}, "route"),
        ({"criterion": "a", "route": "a", "sample_percent": 0}, "share"),
        ({"criterion": "a", "route": "a", "min_confidence": 2}, "confidence"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(options, JudgeOptions)
