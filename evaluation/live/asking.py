"""Evaluators of live calls: who is asked about a call, what they say, and what judges cost by the day."""

from __future__ import annotations

import logging
import zlib
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Final

import msgspec
from django.db.models import Sum

from contracts.live_samples import HandedCall
from evaluation.calls import KEY_ID, KEY_NAME, judge_body, refusal_in, text_in
from evaluation.engine.evaluators.scores import JudgeQuestion, Scored
from evaluation.kept_ends import tell_again
from evaluation.live.examples import answered_of, example_of
from evaluation.live.said import Said, SaidBefore, Slot
from evaluation.models import LiveEvaluation, LiveScore
from evaluation.scoring import NamedEvaluator, evaluators_of, scored_answer
from evaluation.spending import BudgetSpent, Estimate, Purse
from gateway.engine.inside_calls import InsideCall
from gateway.formats.base import AnswerFacts
from gateway.kept_ends import KeptEnd
from gateway.process import GatewayProcess, running
from guardrails.model_callers import caller_of

log = logging.getLogger(__name__)

JUDGES_WAIT_S: Final = 45.0
SPENT: Final = "The day's budget for judges is spent."
LATE: Final = "The judge did not answer in time."


class Asked(msgspec.Struct):
    """What a judge was asked about one call, and what it said by now."""

    evaluator: NamedEvaluator
    said: dict[str, str] = {}
    cost_nanousd: int = 0
    waiting: list[tuple[str, int, Future[tuple[str, str, int]]]] = []
    """Slot, what is set aside, and text, error and cost to come."""


@dataclass
class LiveScorer:
    """One live evaluation at work in one batch."""

    row: LiveEvaluation
    evaluators: list[NamedEvaluator]
    purse: Purse
    before: SaidBefore
    process: GatewayProcess | None = None
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    """By run id."""

    def begin(self, call: HandedCall) -> None:
        """Ask the judges about the call, where it is among those that go deep; their answers are waited for later."""
        if deep(self.row, call.run_id):
            judges = [one for one in self.evaluators if one.kind.judges]
            before = self.before.about(call.run_id) if judges else {}
            self.asked[call.run_id] = [self._ask(one, call, before) for one in judges]

    def scores(self, call: HandedCall) -> list[LiveScore]:
        """A score of each evaluator that was asked, unsaved, without a sample."""
        example, answer = example_of(call), answered_of(call)
        found = [
            self._score(one, scored_answer(one, example, answer, {}), None)
            for one in self.evaluators
            if not one.kind.judges
        ]
        for one in self.asked.pop(call.run_id, []):
            self._wait(one)
            scored = scored_answer(one.evaluator, example, answer, one.said)
            found.append(self._score(one.evaluator, scored, one.cost_nanousd))
        return found

    def _score(self, one: NamedEvaluator, scored: Scored, cost_nanousd: int | None) -> LiveScore:
        return LiveScore(
            tenant_id=self.row.tenant_id,
            evaluation=self.row,
            evaluator=one.name,
            kind=one.kind.name,
            value=scored.value,
            label=scored.label[:64],
            why=scored.why[:500].replace("\x00", ""),
            cost_nanousd=cost_nanousd,
        )

    def _ask(self, one: NamedEvaluator, call: HandedCall, before: dict[Slot, Said]) -> Asked:
        asked = Asked(one)
        for question in one.scorer.questions(example_of(call), answered_of(call)):
            slot = str(self.row.pk), one.name, question.slot
            if known := before.get(slot):
                # By a worker that died before it could write the score, and maybe before the call was told.
                if known.end:
                    tell_again(known.end)
                self.purse.settle(0, known.cost_nanousd)
                asked.said[question.slot] = known.text
                asked.cost_nanousd += known.cost_nanousd
                continue
            length = len(question.instructions) + len(question.question)
            try:
                held = self.purse.hold(question.route, length, question.max_output_tokens)
            except BudgetSpent:
                asked.said[""] = SPENT
                break
            process = self.process = self.process or running()
            future = process.start(self._judged(process, question, call.run_id, slot))
            asked.waiting.append((question.slot, held, future))
        return asked

    def _wait(self, asked: Asked) -> None:
        for slot, held, future in asked.waiting:
            try:
                text, error, cost = future.result(JUDGES_WAIT_S)
            except TimeoutError:
                future.cancel()
                text, error, cost = "", LATE, held
            except Exception as problem:  # boundary: a judge that cannot be asked is no score, and no trouble
                log.exception("a judge could not be asked")
                text, error, cost = "", f"The judge could not be asked: {type(problem).__name__}.", 0
            self.purse.settle(held, cost)
            asked.cost_nanousd += cost
            if error:
                asked.said[""] = error
            else:
                asked.said[slot] = text

    async def _judged(
        self, process: GatewayProcess, question: JudgeQuestion, run_id: str, slot: Slot
    ) -> tuple[str, str, int]:
        told: list[Said] = []

        async def keep(facts: AnswerFacts, body: bytes, end: KeptEnd) -> None:
            said = Said(text_in(body), facts.cost_nanousd or 0, end.packed())
            await self.before.keep(run_id, slot, said)
            told.append(said)

        call = InsideCall(
            tenant_id=str(self.row.tenant_id),
            name=KEY_NAME,
            key_id=KEY_ID,
            body=judge_body(question, {"live_evaluation": str(self.row.pk), "judge_of": run_id}),
            guarded=False,
            keep=keep,
        )
        answer = await process.runtime.inside_calls.make(call)
        if told:
            return told[0].text, "", told[0].cost_nanousd
        return "", f"The judge could not be asked: {refusal_in(answer)[0]}", 0


def scorers_of(tenant_id: Any) -> dict[str, LiveScorer]:
    """The tenant's live evaluations that are switched on, by id, with what is left of the day's budgets."""
    caller = caller_of(tenant_id)

    def estimate(model: str, input_tokens: int, output_tokens: int) -> int | None:
        if caller is None:
            return None
        return caller.estimate_nanousd(model, input_tokens=input_tokens, output_tokens=output_tokens)

    rows = LiveEvaluation.objects.for_tenant(tenant_id).filter(enabled=True).prefetch_related("asked__evaluator")
    return {str(row.pk): _scorer(row, estimate) for row in rows}


def _scorer(row: LiveEvaluation, estimate: Estimate) -> LiveScorer:
    evaluators = []
    for asked in row.asked.all():
        one = asked.evaluator
        try:
            evaluators += evaluators_of([{"name": one.name, "kind": one.kind, "options": one.options}])
        except ValueError as problem:
            # A package that brought the kind is gone: the others go on.
            log.warning("the evaluator %s of a live evaluation cannot be built: %s", one.pk, problem)
    return LiveScorer(
        row, evaluators, Purse(row.judge_budget_nanousd, spent_today(row), estimate), SaidBefore(str(row.tenant_id))
    )


def spent_today(row: LiveEvaluation, now: datetime | None = None) -> int:
    """Of the evaluation's budget for judges since midnight (UTC), in nano-USD."""
    midnight = datetime.combine((now or datetime.now(UTC)).date(), time(), UTC)
    paid = LiveScore.objects.for_tenant(row.tenant_id).filter(
        evaluation=row, scored_at__gte=midnight, cost_nanousd__isnull=False
    )
    return int(paid.aggregate(total=Sum("cost_nanousd"))["total"] or 0)


def deep(row: LiveEvaluation, run_id: str) -> bool:
    """Whether judges are asked about the call: everybody who asks gets the same answer."""
    return zlib.crc32(f"deep{row.pk}{run_id}".encode()) < row.deep_rate * 2**32
