"""What the gateway is told of an answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contracts.retrieval import Grounding
from rag.engine.support.agreement import agreement
from rag.engine.support.assessor import SupportAssessor
from rag.engine.support.responses import SHAPES, response_risk, shapes
from tests.rag.support.golden_answers import ALL, COMPANY, RETURNS


def assess(answer: str, passages: tuple[str, ...] = ALL, *, cites: bool = True) -> Grounding:
    return SupportAssessor().assess("What is said?", answer, passages, cites=cites)


def test_an_answer_that_rests_on_its_passages_is_no_risk():
    found = assess("Backups are kept for 35 days [3]. Gift cards cannot be returned [2].")

    assert found.risk < 0.2
    assert (found.support, found.citations_wrong, found.citations_missing, found.declined) == (1.0, 0, 0, False)
    assert [(one.verdict, one.passage, one.cited) for one in found.sentences] == [
        ("supported", 3, (3,)),
        ("supported", 2, (2,)),
    ]


def test_one_sentence_that_is_made_up_makes_the_answer_a_risk():
    good = assess("Backups are kept for 35 days [3]. Gift cards cannot be returned [2].")
    bad = assess("Backups are kept for 35 days [3]. Gift cards are paid out in cash at the end of the year [2].")

    assert bad.risk > 0.5 > good.risk
    assert bad.support == 0.5
    assert bad.sentences[1].verdict in ("unsupported", "contradicted")


def test_citations_that_lead_nowhere_or_to_another_passage_are_wrong():
    found = assess(
        "Backups are kept for 35 days [1]. Gift cards cannot be returned [9]. Damaged goods are replaced [2]."
    )

    assert found.citations_wrong == 2
    assert "citation_does_not_say:1" in found.sentences[0].reasons
    assert "citation_leads_nowhere:9" in found.sentences[1].reasons
    assert found.sentences[2].reasons == ()


def test_claims_without_a_citation_count_only_where_citations_were_asked_for():
    answer = "Backups are kept for 35 days. Gift cards cannot be returned [2]. Is there more?"

    assert assess(answer).citations_missing == 1
    assert assess(answer, cites=False).citations_missing == 0


@pytest.mark.parametrize(
    ("answer", "declined"),
    [
        ("The documents do not say who the auditor is.", True),
        ("I could not find the auditor in the documents. You may want to ask the finance team.", True),
        ("The documents do not name the auditor. The company employs 640 people [4].", False),
        ("Gift cards cannot be returned.", False),
    ],
)
def test_an_answer_has_declined_where_it_says_so_and_says_nothing_else(answer: str, declined: bool):
    assert assess(answer, cites=False).declined is declined


def test_an_answer_that_only_declines_claims_nothing():
    found = assess("I don't know.")

    assert (found.risk, found.support) == (0.0, 1.0)
    assert [one.verdict for one in found.sentences] == ["no_claim"]


@pytest.mark.parametrize("answer", ["", "   ", "```\ncode\n```", "Really?", "\n\n"])
def test_what_claims_nothing_is_no_risk(answer: str):
    found = assess(answer)

    assert (found.risk, found.support, found.citations_missing) == (0.0, 1.0, 0)


def test_without_passages_all_that_is_claimed_is_a_risk():
    found = assess("Backups are kept for 35 days [1].", ())

    assert found.risk > 0.8
    assert (found.support, found.citations_wrong) == (0.0, 1)


def test_offsets_are_those_of_the_answer():
    answer = "Here it is:\n\n- Backups are kept for 35 days [3].\n- Gift cards cannot be returned [2].\n"

    for one in assess(answer).sentences:
        assert answer[one.start : one.end] == one.text


def test_a_very_long_answer_is_looked_up_to_a_limit():
    found = assess("Backups are kept for 35 days. " * 500, cites=False)

    assert sum(one.verdict != "no_claim" for one in found.sentences) == 60


def test_a_process_that_judges_nothing_loads_no_numbers():
    code = "import sys; import rag.engine.support.assessor; print('numpy' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"


def test_answers_that_say_the_same_agree_and_others_do_not():
    same = ["Nordlicht was founded in 2009 in Hamburg.", "Nordlicht was founded in Hamburg in 2009.", COMPANY]
    other = ["Nordlicht was founded in 2009 in Hamburg.", "Nordlicht began in 1987 in Bremen.", RETURNS]

    assert agreement(same) > 0.7
    assert agreement(other) < 0.3
    assert agreement(same[:1]) == agreement(["Hello!", "Hi!"]) == 1.0
    assert agreement([same[0], ""]) == 0.0


def test_the_wording_of_an_answer_alone_tells_a_little():
    row = shapes("Name the capital of Norway.", "The capital of Norway is Oslo.")
    asked = "Summarize the article at https://example.com/news/2023/04/12."
    made_up = (
        "Sorry, as an AI language model I cannot open links. The article says that 3 million people left Ford in 2019."
    )

    assert len(row) == len(SHAPES)
    assert response_risk(asked, made_up) > response_risk("Write a poem about the sea.", "The sea is wide and blue.")
    assert 0 < response_risk("", "") < 1
