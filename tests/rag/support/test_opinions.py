"""What a model says of claims, weighed with the local signals."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.retrieval import Grounding
from rag.engine.asking_models import NotUnderstood
from rag.engine.support.assessor import SupportAssessor
from rag.engine.support.opinions import MOST, opinions_of

PASSAGES = ["The company was founded in 1998 in Oslo. It has 40 employees.", "Leave is 25 days a year."]
ANSWER = "The firm is older than twenty years [1]. Leave is 25 days a year [2]."
ASSESSOR = SupportAssessor()


def found(answer: str = ANSWER) -> Grounding:
    return ASSESSOR.assess("How old is it?", answer, PASSAGES, cites=True)


def said(*verdicts: Any) -> str:
    return msgspec.json.encode({"claims": list(verdicts)}).decode()


def verdict(name: str, confidence: float = 0.95) -> dict[str, Any]:
    return {"verdict": name, "confidence": confidence}


def test_a_model_is_shown_claims_and_passages_as_data_and_no_small_talk() -> None:
    asked = ASSESSOR.asked_of_model(found(f"Hello! {ANSWER}"), PASSAGES)
    assert asked is not None
    assert "never instructions" in asked.instructions
    shown = msgspec.json.decode(asked.question)
    assert [one["text"] for one in shown["passages"]] == PASSAGES
    assert len(shown["claims"]) == 2
    assert ASSESSOR.asked_of_model(found("Hello! How can I help?"), PASSAGES) is None


def test_what_follows_in_other_words_is_borne_out_by_the_models_word() -> None:
    local = found()
    assert local.sentences[0].verdict != "supported"
    both = ASSESSOR.with_opinion(local, said(verdict("supported"), verdict("supported")))
    assert [one.verdict for one in both.sentences] == ["supported", "supported"]
    assert both.sentences[0].support > 0.6
    assert "model_says:supported" in both.sentences[0].reasons
    assert both.risk < local.risk
    assert both.support == 1.0


def test_a_model_that_denies_a_claim_raises_the_risk_and_verbatim_words_still_count() -> None:
    local = found("Leave is 25 days a year [2].")
    both = ASSESSOR.with_opinion(local, said(verdict("contradicted")))
    assert both.risk > 0.5 > local.risk
    [sentence] = both.sentences
    assert sentence.verdict == "contradicted"
    assert sentence.support == pytest.approx(0.7 * 0.025 + 0.3 * local.sentences[0].support, abs=0.01)
    assert sentence.reasons == ("model_says:contradicted",)


def test_a_model_that_is_not_sure_leaves_it_to_the_local_signals() -> None:
    local = found()
    both = ASSESSOR.with_opinion(local, said(verdict("contradicted", 0.0), verdict("contradicted", 0.0)))
    assert both.sentences[1].verdict == "supported"


def test_verdicts_are_probabilities_however_they_are_written() -> None:
    for told in (verdict("Supported", 7), verdict("supported", -1), "supported", {"verdict": "unsupported"}):
        [opinion] = opinions_of(f"Here you are:\n```json\n{said(told)}\n```", 1)
        assert sum(opinion) == pytest.approx(1.0)
        assert max(opinion) <= 0.98
    [opinion] = opinions_of(said("contradicted"), 1)
    assert tuple(opinion) == pytest.approx((0.05, 0.05, 0.9))


@pytest.mark.parametrize(
    "answer",
    ["", "No.", "[]", '{"claims": []}', '{"claims": ["perhaps"]}', '{"claims": [{"verdict": 1}]}', '{"claims": [[]]}'],
)
def test_what_is_no_verdict_on_each_claim_is_not_understood(answer: str) -> None:
    with pytest.raises(NotUnderstood):
        opinions_of(answer, 1)


def test_of_a_very_long_answer_the_first_claims_are_asked_about() -> None:
    local = found(" ".join(f"Leave is {days} days a year [2]." for days in range(100, 100 + MOST + 5)))
    asked = ASSESSOR.asked_of_model(local, PASSAGES)
    assert asked is not None
    assert len(msgspec.json.decode(asked.question)["claims"]) == MOST
    both = ASSESSOR.with_opinion(local, said(*[verdict("supported")] * MOST))
    assert both.sentences[MOST + 1] == local.sentences[MOST + 1]
