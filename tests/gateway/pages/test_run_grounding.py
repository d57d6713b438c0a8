"""What the page of a call says of its passages, and of how far the answer rests on them."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from contracts.events import AnswerAssessed, PassageFlagged, RetrievalDegraded, RetrievalSearched
from events.models import Run
from gateway.pages.run_grounding import reason_words
from tests.events.builders import completed, started
from tests.gateway.pages.runs import PROMPT, keep, kept_events, make_run, tell
from tests.gateway.pages.test_requests import acme, body, member, signed_in

__all__ = ["acme", "kept_events"]

pytestmark = pytest.mark.django_db

DOCUMENT = str(uuid.uuid4())
ANSWER = "It is 42 metres high [1]. It was built in 1911."


def assessed(**fields: Any) -> AnswerAssessed:
    end = ANSWER.index("]. ") + 2
    sentences = [
        {"start": 0, "end": end, "support": 0.96, "verdict": "supported", "passage": 1, "cited": [1], "reasons": []},
        {
            "start": end + 1,
            "end": len(ANSWER),
            "support": 0.08,
            "verdict": "contradicted",
            "passage": 1,
            "cited": [],
            "reasons": ["number_missing:1911"],
        },
    ]
    passage = {
        "n": 1,
        "document_id": DOCUMENT,
        "chunk_id": 7,
        "start": 120,
        "end": 340,
        "score": 0.81,
        "title": "Lighthouses of the coast",
        "uri": "",
    }
    given: dict[str, Any] = {
        "collections": ["handbook"],
        "risk": 0.72,
        "support": 0.5,
        "claims": 2,
        "unsupported": 1,
        "contradicted": 1,
        "citations_missing": 1,
        "passages": [passage],
        "sentences": sentences,
    }
    return AnswerAssessed(**{**given, **fields})


def searched(**fields: Any) -> RetrievalSearched:
    given = {"collections": ["handbook"], "method": "hybrid", "passages": 1, "duration_ms": 12.0}
    return RetrievalSearched(**{**given, **fields})


@pytest.fixture
def grounded(acme, kept_events) -> Run:
    run = make_run(acme)
    ended = completed(duration_ms=800, output={"role": "assistant", "content": ANSWER})
    keep(
        [
            tell(run, started(input=PROMPT), 2),
            tell(run, searched(), 14),
            tell(run, ended, 800),
            tell(run, assessed(), 810),
        ]
    )
    return run


def address(run: Run, tenant: str = "acme") -> str:
    return f"/t/{tenant}/requests/{run.correlation_id}/"


def section(shown: str) -> str:
    return shown.split('id="grounding"')[1].split("</section>")[0]


def test_passages_are_listed_with_a_link_to_their_exact_characters(acme, grounded):
    shown = section(body(signed_in(member(acme, "developer")), address(grounded)))
    assert f'href="/t/acme/documents/{DOCUMENT}/?at=120-340">Lighthouses of the coast<' in shown
    assert "Cited by 1 sentence" in shown


def test_each_sentence_is_shown_with_its_verdict_in_words_and_why(acme, grounded):
    shown = section(body(signed_in(member(acme, "developer")), address(grounded)))
    said = re.findall(r'<li class="rag-(\w+)">([^<]+)<', shown)
    assert said == [("supported", "It is 42 metres high [1]."), ("contradicted", "It was built in 1911.")]
    assert "Contradicted" in shown
    assert "The passages do not have the number “1911”." in shown


def test_risk_and_citations_that_are_missing_stand_above(acme, grounded):
    shown = section(body(signed_in(member(acme, "developer")), address(grounded)))
    assert "72%" in shown
    assert "1 without a citation" in shown


def test_who_may_not_read_answers_sees_verdicts_without_words_and_no_links(acme, grounded):
    shown = section(body(signed_in(member(acme, "viewer")), address(grounded)))
    assert "It was built in 1911" not in shown
    assert "Sentence 2" in shown
    assert "Lighthouses of the coast" in shown
    assert "/documents/" not in shown


def test_an_answer_of_another_length_was_redacted_and_is_not_cut_into_sentences(acme, kept_events):
    run = make_run(acme)
    shorter = completed(duration_ms=800, output={"role": "assistant", "content": "It is [NUMBER] high [1]."})
    keep([tell(run, shorter, 800), tell(run, assessed(), 810)])
    shown = section(body(signed_in(member(acme, "developer")), address(run)))
    assert "Sentence 1" in shown
    assert "[NUMBER]" not in shown


def test_what_was_left_out_is_said_also_where_nothing_was_judged(acme, kept_events):
    run = make_run(acme)
    flagged = PassageFlagged(
        collection="handbook", document_id=DOCUMENT, chunk_id=3, reason="instruction", score=0.9, action="dropped"
    )
    less = RetrievalDegraded(collections=["handbook"], part="vectors", reason="vectors_slow", method="keyword")
    keep([tell(run, searched(method="keyword"), 5), tell(run, less, 5), tell(run, flagged, 6)])
    shown = section(body(signed_in(member(acme, "developer")), address(run)))
    assert "Vectors left out: vectors slow; searched by keyword." in shown
    assert "1 passage left out: it looks like instructions to the model." in shown
    assert "The answer was not judged" in shown


def test_the_line_of_time_tells_of_the_search_and_the_judgement(acme, grounded):
    shown = body(signed_in(member(acme, "developer")), address(grounded))
    assert "Searched handbook" in shown
    assert "Answer held against its passages" in shown


def test_a_call_without_documents_has_no_such_section(acme, kept_events):
    assert 'id="grounding"' not in body(signed_in(member(acme, "owner")), address(make_run(acme)))


def test_reasons_are_sentences_also_those_that_nobody_knows():
    assert reason_words("entity_missing:Oslo") == "The passages do not name “Oslo”."
    assert reason_words("citation_does_not_say:3") == "Passage “3”, which it cites, does not say so."
    assert reason_words("something_new:x") == "Something new: x."
