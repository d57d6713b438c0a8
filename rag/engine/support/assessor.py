"""The seam of :class:`contracts.retrieval.Assessor`: what the gateway asks of an answer that rests on passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from contracts.retrieval import Grounding, ModelQuestion, SentenceSupport
from rag.engine.support.opinions import ENTAIL, blended, claims_of, entailment_question, opinions_of

if TYPE_CHECKING:  # numpy comes with the first answer, not with the process
    from rag.engine.support.evidence import Judged
    from rag.engine.support.sentences import Sentence

CITED: Final = 0.35
"""The least support that a cited passage has to give."""
_MOST: Final = 60
"""Claims of an answer that are looked up; later ones of a longer answer are not."""


class SupportAssessor:
    """Judges by the engine of this folder. Safe to share between threads."""

    def assess(self, question: str, answer: str, passages: Sequence[str], *, cites: bool) -> Grounding:
        """How far the answer rests on the passages; ``cites``: whether citations were asked for.

        It has declined where it says so and nothing in it is borne out. Sentences are judged by their own words: what a
        pronoun stands for is not looked up.
        """
        from rag.engine.support.declining import declines
        from rag.engine.support.evidence import Evidence
        from rag.engine.support.risks import risk_of
        from rag.engine.support.sentences import sentences

        cut = sentences(answer)
        refusing = [declines(one.text) for one in cut]
        looked_up = [one for one, refuses in zip(cut, refusing, strict=True) if one.claim and not refuses][:_MOST]
        judged = dict(zip(looked_up, Evidence(passages).judge_all([one.said for one in looked_up]), strict=True))
        wrong = _citations(judged, passages)
        found = [_supported(one, judged[one], wrong) if one in judged else _no_claim(one) for one in cut]
        claims = [one for one in found if one.verdict != "no_claim"]
        good = sum(one.verdict == "supported" for one in claims)
        return Grounding(
            risk=risk_of(claims),
            support=good / len(claims) if claims else 1.0,
            sentences=tuple(found),
            citations_wrong=len(wrong),
            citations_missing=sum(not one.cited for one in claims) if cites else 0,
            declined=any(refusing) and good == 0,
        )

    def asked_of_model(self, found: Grounding, passages: Sequence[str]) -> ModelQuestion | None:
        """How its claims stand to the passages."""
        question = entailment_question(found, passages)
        return ModelQuestion(ENTAIL, question, 40 + 30 * len(claims_of(found))) if question else None

    def with_opinion(self, found: Grounding, said: str) -> Grounding:
        """Both together.

        Raises:
            NotUnderstood: it is not one verdict for each claim.
        """
        return blended(found, opinions_of(said, len(claims_of(found))))

    def agreement(self, answers: Sequence[str]) -> float:
        """How far the others bear out what the first one claims."""
        from rag.engine.support.agreement import agreement

        return agreement(answers)


def _citations(claims: Mapping[Sentence, Judged], passages: Sequence[str]) -> dict[tuple[Sentence, int], str]:
    """Of each citation what is wrong with it; those with which nothing is are left out."""
    from rag.engine.support.evidence import Evidence

    wrong: dict[tuple[Sentence, int], str] = {}
    doubtful: dict[int, list[Sentence]] = {}
    for one, judged in claims.items():
        for number in one.cited:
            if not 1 <= number <= len(passages):
                wrong[one, number] = f"citation_leads_nowhere:{number}"
            elif number != judged.passage or judged.supported < CITED:
                doubtful.setdefault(number, []).append(one)
    for number, sentences in doubtful.items():
        found = Evidence([passages[number - 1]]).judge_all([one.said for one in sentences])
        for one, judged in zip(sentences, found, strict=True):
            if judged.supported < CITED:
                wrong[one, number] = f"citation_does_not_say:{number}"
    return wrong


def _no_claim(one: Sentence) -> SentenceSupport:
    return SentenceSupport(
        text=one.text, start=one.start, end=one.end, support=1.0, verdict="no_claim", cited=one.cited
    )


def _supported(one: Sentence, judged: Judged, wrong: Mapping[tuple[Sentence, int], str]) -> SentenceSupport:
    problems = [wrong[one, number] for number in one.cited if (one, number) in wrong]
    return SentenceSupport(
        text=one.text,
        start=one.start,
        end=one.end,
        support=round(judged.supported, 4),
        verdict=judged.verdict,
        passage=judged.passage if judged.verdict != "unsupported" else None,
        cited=one.cited,
        reasons=(*judged.reasons, *problems),
    )
