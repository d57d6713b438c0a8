"""A worker on a run: leases items, has them answered and judged by the gateway of this process, and scores them.

Calls run on the gateway's loop, everything that touches the database or computes on the worker's own thread. An answer
is written down before the gateway tells its call as done (``Insider.keep``): if the worker dies, what is paid is there,
and what is not there is not paid. The event that tells it is written down with it until the item is done, and told
again by whoever takes the run over. Scores of an item and its end are one transaction.
"""

from __future__ import annotations

import logging
import time
import uuid
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from contracts.events import EvalRunEnded, EvalRunProgressed, EventContext
from contracts.guardrails import PolicySpec
from evaluation.calls import KEY_ID, KEY_NAME, body_of, judge_body, refusal_in, text_in
from evaluation.desk import Desk
from evaluation.engine.evaluators.scores import JudgeQuestion
from evaluation.kept_ends import ends_are_told, ends_told_again
from evaluation.leases import BEAT_EVERY_S, LeaseLost, beaten, claimed, given_back, held, leased, spent
from evaluation.models import EvalRun, ItemResult, JudgeAnswer, RunItem, Score, Variant
from evaluation.scoring import NamedEvaluator, evaluators_of, example_of, questions_about, scores_of
from evaluation.spending import BudgetSpent, Purse
from evaluation.summaries import summary_of
from gateway.engine.inside_calls import InsideCall
from gateway.exchange import Answer, Keep
from gateway.formats.base import AnswerFacts
from gateway.kept_ends import KeptEnd
from gateway.process import GatewayProcess, running
from guardrails.compile import compile_version
from guardrails.model_callers import caller_of
from guardrails.models import PolicyVersion
from tenants.emitting import emit
from tenants.progress import TOLD_EVERY_S

log = logging.getLogger(__name__)

State = EvalRun.State
JUDGE_SPENT: Final = "The budget for judges is spent."


def work(run_id: uuid.UUID, *, for_s: float) -> bool:
    """Work on the run for so long at most; whether somebody has to go on with it."""
    worker = uuid.uuid4().hex
    run = claimed(run_id, worker)
    if run is None:
        return False
    try:
        return RunWorker(run, worker, running()).work(time.monotonic() + for_s)
    except LeaseLost:
        return False
    except Exception as error:  # boundary: whatever it was, whoever waits for it must see that it failed
        log.exception("run %s failed", run_id)
        ended(run, worker, State.FAILED, f"It stopped with {type(error).__name__}: the log of the worker says more.")
        return False


def ended(run: EvalRun, worker: str, state: str, reason: str = "") -> None:
    """Write down that the run has ended, and tell of it; nothing where another worker has it."""
    mine = EvalRun.objects.for_tenant(run.tenant_id).filter(pk=run.pk, worker=worker)
    with transaction.atomic():
        if not mine.exists():
            return
        given_back(run, worker)
        run.refresh_from_db()
        run.state, run.error, run.ended_at = state, reason[:200], timezone.now()
        run.summary = summary_of(run)
        run.save(update_fields=["state", "error", "ended_at", "summary"])
    emit(
        EvalRunEnded(
            run_id=str(run.pk),
            name=run.name,
            state=state,
            reason=run.error,
            items=run.total,
            done=run.done,
            failed=run.failed,
            spent_nanousd=run.spent_nanousd,
            judge_spent_nanousd=run.judge_spent_nanousd,
        ),
        EventContext(tenant_id=str(run.tenant_id)),
    )


class Unit:
    """An item on its way: what was answered and said about it so far."""

    def __init__(self, row: RunItem) -> None:
        self.row = row
        self.example = example_of(row.item)
        self.results: dict[uuid.UUID, ItemResult] = {}
        self.said: dict[uuid.UUID, dict[str, dict[str, str]]] = {}
        for result in ItemResult.objects.for_tenant(row.tenant_id).filter(run_item=row):
            self.results[result.variant_id] = result
        judged = JudgeAnswer.objects.for_tenant(row.tenant_id).filter(result__run_item=row)
        for result_id, evaluator, slot, text in judged.values_list("result_id", "evaluator", "slot", "text"):
            self.hear(result_id, evaluator, slot, text)

    def hear(self, result_id: uuid.UUID, evaluator: str, slot: str, text: str) -> None:
        """Note what a judge said."""
        self.said.setdefault(result_id, {}).setdefault(evaluator, {})[slot] = text


class RunWorker:
    """Works on one run."""

    def __init__(self, run: EvalRun, worker: str, process: GatewayProcess) -> None:
        self._run, self._worker, self._process = run, worker, process
        self._desk = Desk()
        self._evaluators = evaluators_of(run.evaluators)
        self._variants: list[Variant] = list(
            Variant.objects.for_tenant(run.tenant_id).filter(run=run).select_related("policy")
        )
        self._policies = {one.pk: _policy_of(one) for one in self._variants}
        caller = caller_of(run.tenant_id)

        def estimate(model: str, input_tokens: int, output_tokens: int) -> int | None:
            if caller is None:
                return None
            return caller.estimate_nanousd(model, input_tokens=input_tokens, output_tokens=output_tokens)

        self._answers = Purse(run.budget_nanousd, run.spent_nanousd, estimate)
        self._judges = Purse(run.judge_budget_nanousd, run.judge_spent_nanousd, estimate)
        self._active: set[Future[None]] = set()
        self._exhausted = self._over_budget = False
        self._failure: BaseException | None = None
        self._beat_at = self._told_at = 0.0

    def work(self, until: float) -> bool:
        """Until the run has ended or the time is up; whether there is more to do."""
        ends_told_again(self._run)
        try:
            while True:
                self._beat()
                self._lease(until)
                if not self._active:
                    break
                self._desk.serve(0.2)
                self._collect()
        finally:
            self._abandon()
        if self._failure is not None:
            raise self._failure
        return self._ended()

    # --- on the worker's thread --------------------------------------------------------------------

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at >= BEAT_EVERY_S:
            self._beat_at = now
            beaten(self._run, self._worker)

    def _lease(self, until: float) -> None:
        free = self._run.concurrency - len(self._active)
        stopping = self._run.stop_requested or self._over_budget or self._failure is not None
        if free <= 0 or stopping or self._exhausted or time.monotonic() >= until:
            return
        rows = leased(self._run, self._worker, free)
        self._exhausted = not rows
        for row in rows:
            self._active.add(self._process.start(self._item(Unit(row))))

    def _collect(self) -> None:
        for one in [future for future in self._active if future.done()]:
            self._active.discard(one)
            error = None if one.cancelled() else one.exception()
            if isinstance(error, BudgetSpent):
                self._over_budget = True
            elif isinstance(error, Exception) and not isinstance(error, LeaseLost):
                self._failure = self._failure or error
            elif error is not None:
                log.warning("an item of run %s was taken over by another worker", self._run.pk)

    def _abandon(self) -> None:
        for future in self._active:
            future.cancel()
        self._desk.close()

    def _ended(self) -> bool:
        left = RunItem.objects.for_tenant(self._run.tenant_id).filter(run=self._run)
        more = left.exclude(state=RunItem.State.DONE).exists()
        self._run.refresh_from_db(fields=["stop_requested"])
        if not more:
            ended(self._run, self._worker, State.DONE)
        elif self._over_budget:
            ended(self._run, self._worker, State.STOPPED, "Its budget is spent.")
        elif self._run.stop_requested:
            ended(self._run, self._worker, State.STOPPED, "Somebody stopped it.")
        else:
            given_back(self._run, self._worker)
            return True
        return False

    # --- on the gateway's loop ---------------------------------------------------------------------

    async def _item(self, unit: Unit) -> None:
        """Have the item answered and judged, and score it."""
        for variant in self._variants:
            if variant.pk not in unit.results:
                await self._answer(unit, variant)
        for variant in self._variants:
            await self._judge(unit, unit.results[variant.pk])
        await self._desk.ask(partial(self._finish, unit))

    async def _answer(self, unit: Unit, variant: Variant) -> None:
        tags = {"eval_run": str(self._run.pk), "eval_item": unit.row.item.key, "variant": variant.name}
        body = body_of(variant, unit.row.item, max_output_tokens=self._run.max_output_tokens, tags=tags)
        characters = sum(len(str(one.get("content") or "")) for one in body["messages"])
        tokens = self._run.max_output_tokens
        set_aside = await self._set_aside(self._answers, variant.model, characters, tokens)
        began = time.monotonic()

        async def keep(facts: AnswerFacts, answer: bytes, end: KeptEnd) -> None:
            took = (time.monotonic() - began) * 1000
            result = _result(unit, variant, facts, text_in(answer), took)
            result.end = end.packed()
            await self._desk.ask(partial(self._store, unit, result, set_aside))

        answer = await self._call(body, guarded=True, policy=self._policies[variant.pk], keep=keep)
        if variant.pk in unit.results:
            return
        if answer.status < 400:
            raise LeaseLost
        error, call = refusal_in(answer)
        failed = ItemResult(
            tenant_id=unit.row.tenant_id, run_id=self._run.pk, run_item=unit.row, variant=variant, error=error
        )
        failed.correlation_id = call
        await self._desk.ask(partial(self._store, unit, failed, set_aside))

    async def _judge(self, unit: Unit, result: ItemResult) -> None:
        baseline = unit.results[self._variants[0].pk]
        for evaluator, question in questions_about(self._evaluators, unit.example, result, baseline):
            known = unit.said.get(result.pk, {}).get(evaluator.name, {})
            if question.slot not in known and "" not in known:
                await self._ask(unit, result, evaluator, question)

    async def _ask(self, unit: Unit, result: ItemResult, evaluator: NamedEvaluator, question: JudgeQuestion) -> None:
        length = len(question.instructions) + len(question.question)
        try:
            set_aside = await self._set_aside(self._judges, question.route, length, question.max_output_tokens)
        except BudgetSpent:
            unit.hear(result.pk, evaluator.name, "", JUDGE_SPENT)
            return
        body = judge_body(question, {"eval_run": str(self._run.pk), "judge_of": result.correlation_id})

        async def keep(facts: AnswerFacts, answer: bytes, end: KeptEnd) -> None:
            said = JudgeAnswer(
                tenant_id=result.tenant_id,
                result=result,
                evaluator=evaluator.name,
                slot=question.slot,
                text=text_in(answer),
                cost_nanousd=facts.cost_nanousd,
                correlation_id=facts.correlation_id,
                end=end.packed(),
            )
            await self._desk.ask(partial(self._store_said, unit, said, set_aside))

        answer = await self._call(body, guarded=False, policy=None, keep=keep)
        if answer.status >= 400:
            await self._desk.ask(partial(self._judges.settle, set_aside, 0))
            unit.hear(result.pk, evaluator.name, "", f"The judge could not be asked: {refusal_in(answer)[0]}")

    async def _set_aside(self, purse: Purse, model: str, characters: int, output_tokens: int) -> int:
        return await self._desk.ask(partial(purse.hold, model, characters, output_tokens))

    async def _call(
        self,
        body: dict[str, Any],
        *,
        guarded: bool,
        policy: PolicySpec | None,
        keep: Keep,
    ) -> Answer:
        call = InsideCall(
            tenant_id=str(self._run.tenant_id),
            name=KEY_NAME,
            key_id=KEY_ID,
            body=body,
            guarded=guarded,
            policy=policy,
            keep=keep,
        )
        return await self._process.runtime.inside_calls.make(call)

    # --- asked by the loop, done on the worker's thread ---------------------------------------------

    def _store(self, unit: Unit, result: ItemResult, set_aside: int) -> None:
        cost = result.cost_nanousd or 0
        with transaction.atomic():
            held(unit.row, self._worker)
            result.save(force_insert=True)
            spent(self._run, answers=cost)
        self._answers.settle(set_aside, cost)
        unit.results[result.variant_id] = result

    def _store_said(self, unit: Unit, said: JudgeAnswer, set_aside: int) -> None:
        cost = said.cost_nanousd or 0
        with transaction.atomic():
            held(unit.row, self._worker)
            said.save(force_insert=True)
            spent(self._run, judges=cost)
        self._judges.settle(set_aside, cost)
        unit.hear(said.result_id, said.evaluator, said.slot, said.text)

    def _finish(self, unit: Unit) -> None:
        baseline = unit.results[self._variants[0].pk]
        scores = [
            score
            for result in unit.results.values()
            for score in scores_of(self._evaluators, unit.example, result, baseline, unit.said.get(result.pk, {}))
        ]
        failed = sum(bool(result.error) for result in unit.results.values())
        with transaction.atomic():
            held(unit.row, self._worker)
            Score.objects.bulk_create(scores)
            rows = RunItem.objects.for_tenant(unit.row.tenant_id).filter(pk=unit.row.pk)
            rows.update(state=RunItem.State.DONE, lease="", leased_until=None)
            ends_are_told(unit.row)
            mine = EvalRun.objects.for_tenant(self._run.tenant_id).filter(pk=self._run.pk)
            mine.update(done=F("done") + 1, failed=F("failed") + failed)
        self._run.done += 1
        self._run.failed += failed
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at < TOLD_EVERY_S:
            return
        self._told_at = time.monotonic()
        run = self._run
        emit(
            EvalRunProgressed(
                run_id=str(run.pk),
                items=run.total,
                done=run.done,
                failed=run.failed,
                spent_nanousd=run.spent_nanousd,
                judge_spent_nanousd=run.judge_spent_nanousd,
            ),
            EventContext(tenant_id=str(run.tenant_id)),
        )


def _result(unit: Unit, variant: Variant, facts: AnswerFacts, text: str, took_ms: float) -> ItemResult:
    return ItemResult(
        tenant_id=unit.row.tenant_id,
        run_id=unit.row.run_id,
        run_item=unit.row,
        variant=variant,
        answer=text.replace("\x00", ""),
        correlation_id=facts.correlation_id,
        model=facts.model,
        cost_nanousd=facts.cost_nanousd,
        latency_ms=took_ms,
        input_tokens=facts.usage.input_tokens,
        output_tokens=facts.usage.output_tokens,
    )


def _policy_of(variant: Variant) -> PolicySpec | None:
    if variant.policy is None or variant.policy_version is None:
        return None
    versions = PolicyVersion.objects.filter(tenant=variant.policy.tenant_id, policy=variant.policy)
    return compile_version(variant.policy, versions.get(number=variant.policy_version), shadow=False)
