"""Answers judged by what they rest on: in a thread, within a time limit; what takes longer is told after the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.errors import GatewayError
from contracts.events import AnswerAssessed, CitationMissing, RetrievalDegraded
from contracts.ports import Emitter
from contracts.retrieval import AskModel, Assessor, Grounding
from gateway.engine.call import Call
from gateway.engine.grounding.grounded import Grounded

log = logging.getLogger(__name__)

DEADLINE_S: Final = 0.2
"""That a caller waits for the judgement on its answer."""
MAX_ANSWER: Final = 40_000
"""Characters that are judged."""
NO_CLAIM: Final = "no_claim"


class Assessing:
    """One per gateway worker."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._later: set[asyncio.Task[None]] = set()

    async def assess(
        self, call: Call, grounded: Grounded, assessor: Assessor, answer: str, ask: AskModel | None = None
    ) -> None:
        """Judge the answer; what is not done in time is judged to its end, and told then.

        ``ask`` is given where a model may be asked besides, which the caller waits for as long as for a search.
        """
        if not answer.strip():
            return
        judging = asyncio.ensure_future(asyncio.to_thread(_judged, assessor, grounded, answer))
        done, _ = await asyncio.wait({judging}, timeout=DEADLINE_S)
        if not done:
            self._tell_later(call, grounded, judging)
            return
        error = judging.exception()
        if error is not None:
            log.error("an answer could not be judged", exc_info=error, extra={"correlation_id": call.correlation_id})
            return
        found = judging.result()
        if ask is not None and grounded.opinion is None:
            grounded.opinion = await self._opinion(call, grounded, assessor, found, ask)
        grounded.judged, grounded.assessment = answer, self._with_opinion(call, grounded, assessor, found)

    async def _opinion(
        self, call: Call, grounded: Grounded, assessor: Assessor, found: Grounding, ask: AskModel
    ) -> str:
        """What the model of the collections says; empty where it says nothing, or not in time."""
        asked = assessor.asked_of_model(found, grounded.texts)
        if asked is None:
            return ""
        within_s = max(one.timeout_ms for one in grounded.terms) / 1_000
        try:
            async with asyncio.timeout(within_s):
                said = await ask(
                    judge_route(grounded), asked.instructions, asked.question, max_output_tokens=asked.max_output_tokens
                )
            if said.strip():
                return said
            self._not_asked(call, grounded, "judge_not_understood")
        except TimeoutError:
            self._not_asked(call, grounded, "judge_slow")
        except GatewayError as error:
            log.warning("an answer is judged without a model: %s", error.message)
            self._not_asked(call, grounded, "judge_failed")
        return ""

    def _with_opinion(self, call: Call, grounded: Grounded, assessor: Assessor, found: Grounding) -> Grounding:
        if not grounded.opinion:
            return found
        try:
            both = assessor.with_opinion(found, grounded.opinion)
        except ValueError as error:
            log.warning("an answer is judged without a model: %s", error)
            grounded.opinion = ""
            self._not_asked(call, grounded, "judge_not_understood")
            return found
        return msgspec.structs.replace(both, judged_by=judge_route(grounded))

    def _not_asked(self, call: Call, grounded: Grounded, reason: str) -> None:
        event = RetrievalDegraded(collections=list(grounded.collections), part="judge", reason=reason)
        self._emitter.emit(event, call.context)

    def tell(self, call: Call, grounded: Grounded) -> None:
        """Emit what was found."""
        found = grounded.assessment
        if found is not None and not grounded.told:
            grounded.told = True
            self._emit(call, grounded, found)

    async def stop(self) -> None:
        """Wait for what is still being judged."""
        await asyncio.gather(*self._later, return_exceptions=True)

    def _tell_later(self, call: Call, grounded: Grounded, judging: asyncio.Future[Grounding]) -> None:
        async def told() -> None:
            try:
                self._emit(call, grounded, await judging)
            except Exception:  # boundary of the task: the call is answered, and its judgement is lost
                log.exception("an answer could not be judged", extra={"correlation_id": call.correlation_id})

        task = asyncio.get_running_loop().create_task(told())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _emit(self, call: Call, grounded: Grounded, found: Grounding) -> None:
        self._emitter.emit(assessed_event(call, grounded, found), call.context)
        if found.citations_missing or found.citations_wrong:
            missing = CitationMissing(
                collections=list(grounded.collections),
                missing=found.citations_missing,
                wrong=found.citations_wrong,
                claims=claims_in(found),
            )
            self._emitter.emit(missing, call.context)


def _judged(assessor: Assessor, grounded: Grounded, answer: str) -> Grounding:
    return assessor.assess(grounded.question, answer[:MAX_ANSWER], grounded.texts, cites=True)


def agreement(assessor: Assessor, answers: Sequence[str]) -> float:
    """How far the answers say the same."""
    return assessor.agreement([answer[:MAX_ANSWER] for answer in answers])


def judge_route(grounded: Grounded) -> str:
    """Whose model has its say; empty: nobody's."""
    return next((one.judge_route for one in grounded.terms if one.judge_route), "")


def claims_in(found: Grounding) -> int:
    """Sentences that claim something."""
    return sum(one.verdict != NO_CLAIM for one in found.sentences)


def assessed_event(call: Call, grounded: Grounded, found: Grounding) -> AnswerAssessed:
    """What is told of the judgement: figures and places, no texts."""
    verdicts = [one.verdict for one in found.sentences]
    model = call.kept.model if call.kept is not None else call.target.model.name if call.target is not None else ""
    return AnswerAssessed(
        collections=list(grounded.collections),
        route=call.route.name,
        model=model,
        risk=round(found.risk, 4),
        support=round(found.support, 4),
        claims=claims_in(found),
        unsupported=verdicts.count("unsupported"),
        contradicted=verdicts.count("contradicted"),
        citations_missing=found.citations_missing,
        citations_wrong=found.citations_wrong,
        declined=found.declined,
        judged_by=found.judged_by,
        consistency=None if grounded.consistency is None else round(grounded.consistency, 4),
        passages=[
            {
                "n": number,
                "collection": one.passage.collection,
                "document_id": one.passage.document_id,
                "chunk_id": one.passage.chunk_id,
                "start": one.passage.start,
                "end": one.passage.end,
                "score": round(one.passage.score, 6),
                "title": one.title,
                "uri": one.passage.uri,
            }
            for number, one in enumerate(grounded.given, 1)
        ],
        sentences=[
            {
                "start": one.start,
                "end": one.end,
                "support": round(one.support, 4),
                "verdict": one.verdict,
                "passage": one.passage,
                "cited": list(one.cited),
                "reasons": list(one.reasons),
            }
            for one in found.sentences
        ],
    )
