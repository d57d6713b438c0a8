"""Policies applied to the texts of a stage."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from contracts.guardrails import Action, Finding, OnError, Stage
from contracts.time_limit import TimeLimit
from guardrails.engine.detector import DeepDetector
from guardrails.engine.folding import Reading
from guardrails.engine.invariants.evidence import Shown
from guardrails.engine.kinds import ANSWERS
from guardrails.engine.masking import Masking
from guardrails.engine.replacing import Found, rewritten
from guardrails.engine.rules import CompiledRule
from guardrails.engine.screened import ScreenedBy
from guardrails.engine.seams import Seams
from guardrails.engine.spans import Stretches
from guardrails.engine.text import Text

log = logging.getLogger(__name__)

INLINE: Final = 20_000
"""Characters of a stage that are looked at on the event loop; more of them in a thread. The deadlines of rules are for
so many, and longer for more: a long text is no way past a rule."""

_STRENGTH: Final = {action: strength for strength, action in enumerate(Action)}


def strongest(actions: Iterable[Action | None]) -> Action | None:
    """The last of them in the order of :class:`Action`; None where there is none."""
    return max((action for action in actions if action is not None), key=_STRENGTH.__getitem__, default=None)


class AnswerText(Text):
    """What a model said: read as it stands. Streams could not be relayed if any of it might be wrapped."""

    __slots__ = ()

    @property
    def decoded(self) -> tuple[Reading, ...]:
        """Nothing."""
        return ()


class Match(msgspec.Struct):
    """What one rule found in the texts of a stage."""

    rule: CompiledRule
    stage: Stage
    action: Action
    findings: list[tuple[int, Finding]]
    """With the number of the text."""
    duration_ms: float
    evidence: tuple[Shown, ...] = ()
    """Of an invariant that the call breaks: the values that it looked at."""

    @property
    def enforced(self) -> bool:
        """Whether anything but an event follows."""
        return not self.rule.shadow


class Failure(msgspec.Struct):
    """A rule that could not tell."""

    rule: CompiledRule
    stage: Stage
    reason: str
    """``deadline`` | ``error`` | ``broken``."""
    detail: str
    duration_ms: float

    @property
    def blocks(self) -> bool:
        """Whether the call must not go on without its word."""
        return not self.rule.shadow and self.rule.spec.on_error is OnError.BLOCK


class Verdict(msgspec.Struct):
    """What follows from looking at the texts of a stage."""

    stage: Stage
    texts: list[str]
    """As they go on."""
    matches: list[Match] = []
    failures: list[Failure] = []
    later: list[CompiledRule] = []
    """Deep rules that could change nothing, and have not been asked yet; see :func:`judge_later`."""
    duration_ms: float = 0.0

    @property
    def action(self) -> Action | None:
        """The strongest that is enforced; None where nothing was found."""
        actions = [match.action for match in self.matches if match.enforced and match.action is not Action.ALLOW]
        if any(failure.blocks for failure in self.failures):
            actions.append(Action.BLOCK)
        return strongest(actions)

    @property
    def blocking(self) -> Match | Failure | None:
        """The first that blocks."""
        for match in self.matches:
            if match.enforced and match.action is Action.BLOCK:
                return match
        return next((failure for failure in self.failures if failure.blocks), None)

    @property
    def reroute_to(self) -> str:
        """The route to which the first rule that reroutes sends the call; empty: none does."""
        for match in self.matches:
            if match.enforced and match.action is Action.REROUTE:
                return match.rule.spec.reroute_to
        return ""


class Asked(msgspec.Struct):
    """One rule's answer."""

    rule: CompiledRule
    findings: list[tuple[int, Finding]] = []
    failure: Failure | None = None
    duration_ms: float = 0.0


def apply_to_one(
    rules: Sequence[CompiledRule],
    stage: Stage,
    text: str,
    *,
    masking: Masking | None = None,
    screened: ScreenedBy | None = None,
) -> Verdict | None:
    """What fast rules make of the only text of a stage; None where nothing comes of it.

    As :func:`apply`, for what most calls are: one text of no more than :data:`INLINE` characters, no deep rule and none
    that cannot be built, and nothing found.
    """
    if screened is not None and screened.knows(text):
        return None
    started = time.perf_counter()
    asked = _ask_of_one(rules, stage, text_at(stage, text))
    if not asked:
        if screened is not None:
            screened.add(text)
        return None
    verdict = verdict_of(stage, (text,), asked, masking)
    verdict.duration_ms = _since(started)
    return verdict


async def apply(
    rules: Sequence[CompiledRule],
    stage: Stage,
    texts: Sequence[str],
    *,
    masking: Masking | None = None,
    at_once: bool = False,
    neighbours: Sequence[int] = (),
    screened: ScreenedBy | None = None,
) -> Verdict:
    """What the rules make of the texts. Deep rules that can only flag are left for later, unless ``at_once``.

    ``neighbours`` are the numbers of texts that follow each other: what is split over them is found as well.
    ``screened`` are texts at which the fast ones of these very rules need not look again.
    """
    started = time.perf_counter()
    fresh = [number for number, text in enumerate(texts) if screened is None or not screened.knows(text)]
    seams = Seams(texts, neighbours, screened) if len(neighbours) > 1 else None
    if not fresh and (seams is None or not seams.text) and all(rule.fast is not None for rule in rules):
        # Conversations that go on are mostly that: nothing new for any rule.
        return Verdict(stage, list(texts), duration_ms=_since(started))
    looked = [text_at(stage, text) for text in texts]
    if seams is not None and seams.text:
        fresh.append(len(looked))
        looked.append(text_at(stage, seams.text))
        looked[-1].seam = True
    later = [] if at_once else [rule for rule in rules if rule.deep is not None and not rule.acts]
    asked = await _ask([rule for rule in rules if rule not in later], stage, looked, fresh)
    if screened is not None and fresh:
        _remember(screened, texts, fresh, seams, asked)
    if seams is not None:
        for answer in asked:
            answer.findings = [one for pair in answer.findings for one in _in_texts(pair, len(texts), seams)]
    verdict = verdict_of(stage, texts, asked, masking)
    verdict.later = later
    verdict.duration_ms = _since(started)
    return verdict


def _remember(
    screened: ScreenedBy, texts: Sequence[str], fresh: Sequence[int], seams: Seams | None, asked: Sequence[Asked]
) -> None:
    """Keep in mind in which of the texts no fast rule found anything."""
    found: set[int] = set()
    for answer in asked:
        if answer.rule.fast is not None:
            if answer.failure is not None:
                return
            found.update(number for number, _ in answer.findings)
    for number in fresh:
        if number not in found:
            for text in (texts[number],) if number < len(texts) else seams.joined if seams is not None else ():
                screened.add(text)


def _in_texts(found: tuple[int, Finding], texts: int, seams: Seams) -> list[tuple[int, Finding]]:
    return [found] if found[0] < texts else seams.split(found[1])


async def judge_later(rules: Sequence[CompiledRule], stage: Stage, texts: Sequence[str]) -> Verdict:
    """What rules say that can change nothing any more."""
    looked = [text_at(stage, text) for text in texts]
    return verdict_of(stage, texts, await _ask(rules, stage, looked, range(len(looked))), None)


def text_at(stage: Stage, text: str) -> Text:
    """The text as detectors look at it there."""
    return AnswerText(text) if stage in ANSWERS else Text(text)


async def _ask(rules: Sequence[CompiledRule], stage: Stage, texts: Sequence[Text], fresh: Sequence[int]) -> list[Asked]:
    """Ask the rules, fast ones of the ``fresh`` texts alone; gives the answers that say something."""
    unknown = [texts[number] for number in fresh]
    size = sum(len(text.original) for text in unknown)
    if len(unknown) == 1 == len(texts) and size <= INLINE and all(rule.deep is None for rule in rules):
        return _ask_of_one(rules, stage, unknown[0])
    patience = max(1.0, size / INLINE)
    whole_patience = max(1.0, sum(len(text.original) for text in texts) / INLINE)
    waiting: list[Awaitable[Asked]] = []
    asked: list[Asked | None] = []
    for rule in rules:
        if rule.deep is not None:
            waiting.append(_ask_within(rule, stage, texts, whole_patience))
            asked.append(None)
        elif rule.fast is None or unknown:
            if size > INLINE and rule.fast is not None:
                waiting.append(_ask_within(rule, stage, unknown, patience))
                asked.append(None)
            else:
                asked.append(ask_inline(rule, stage, unknown, patience))
    slow = iter(await asyncio.gather(*waiting)) if waiting else iter(())
    answers = [answer if answer is not None else next(slow) for answer in asked]
    answers = [answer for answer in answers if answer.findings or answer.failure is not None]
    if len(fresh) < len(texts):
        for answer in answers:
            if answer.rule.deep is None:
                answer.findings = [(fresh[number], finding) for number, finding in answer.findings]
    return answers


def _ask_of_one(rules: Sequence[CompiledRule], stage: Stage, text: Text) -> list[Asked]:
    """The answers that say something, of fast rules about the only text: as :func:`ask_inline`, without a word for
    those that find nothing.
    """
    answers = []
    for rule in rules:
        started = time.perf_counter()
        try:
            found = rule.fast.find(text) if rule.fast is not None else None
        except Exception as error:
            answers.append(_failed(rule, stage, error, started))
        else:
            if found is None:
                answers.append(Asked(rule, [], Failure(rule, stage, "broken", rule.problem, 0.0)))
            elif found:
                answers.append(Asked(rule, [(0, finding) for finding in found], None, _since(started)))
    return answers


def _failed(rule: CompiledRule, stage: Stage, error: Exception, started: float) -> Asked:
    """Whatever a detector stumbles over: the rule's ``on_error`` decides, and the event tells."""
    log.error("rule %r failed", rule.spec.name, exc_info=error)
    took_ms = _since(started)
    return Asked(rule, [], Failure(rule, stage, "error", type(error).__name__, took_ms), took_ms)


def ask_inline(rule: CompiledRule, stage: Stage, texts: Sequence[Text], patience: float = 1.0) -> Asked:
    """Ask a fast rule here and now; its deadline is of processor time, because nobody else's turn is its fault."""
    started = time.perf_counter()
    # Asking for it is a system call; with one text there is no place to stop at.
    busy = time.thread_time() if len(texts) > 1 else 0.0
    asked = Asked(rule, [])
    if rule.fast is None:
        asked.failure = Failure(rule, stage, "broken", rule.problem, 0.0)
        return asked
    try:
        for number, text in enumerate(texts):
            if number and (time.thread_time() - busy) * 1000 > rule.spec.deadline_ms * patience:
                asked.failure = Failure(rule, stage, "deadline", f"{rule.spec.deadline_ms} ms", _since(started))
                break
            if found := rule.fast.find(text):
                asked.findings.extend((number, finding) for finding in found)
    except Exception as error:
        return _failed(rule, stage, error, started)
    asked.duration_ms = _since(started)
    return asked


async def _ask_within(rule: CompiledRule, stage: Stage, texts: Sequence[Text], patience: float) -> Asked:
    """Ask a rule that may take long, for as long as its deadline allows."""
    started = time.perf_counter()
    try:
        with TimeLimit(rule.spec.deadline_ms * patience / 1000):
            if rule.deep is None:
                return await asyncio.to_thread(ask_inline, rule, stage, texts, patience)
            found = await _ask_deep(rule.deep, texts)
    except TimeoutError:
        failure = Failure(rule, stage, "deadline", f"{rule.spec.deadline_ms} ms", _since(started))
        return Asked(rule, [], failure, _since(started))
    except Exception as error:
        return _failed(rule, stage, error, started)
    return Asked(rule, found, None, _since(started))


async def _ask_deep(detector: DeepDetector, texts: Sequence[Text]) -> list[tuple[int, Finding]]:
    answers = await asyncio.gather(*[_found(detector, text) for text in texts])
    return [(number, finding) for number, findings in enumerate(answers) for finding in findings]


async def _found(detector: DeepDetector, text: Text) -> Sequence[Finding]:
    return await detector.find(text)


def verdict_of(stage: Stage, texts: Sequence[str], asked: Sequence[Asked], masking: Masking | None) -> Verdict:
    """Put the rules' answers together: exceptions first, then what is left."""
    verdict = Verdict(stage, list(texts))
    found: list[list[Found]] = [[] for _ in texts]
    for order, (answer, findings) in enumerate(without_exceptions(asked)):
        rule, action = answer.rule, answer.rule.action_at(stage)
        if answer.failure is not None:
            verdict.failures.append(answer.failure)
        if findings:
            verdict.matches.append(Match(rule, stage, action, findings, answer.duration_ms))
        for number, finding in findings:
            found[number].append(Found(finding, action, order, not rule.shadow))
    for number, text in enumerate(texts):
        if any(one.replaces for one in found[number]):
            verdict.texts[number] = rewritten(text, found[number], masking)
    return verdict


def without_exceptions(asked: Sequence[Asked]) -> Iterator[tuple[Asked, list[tuple[int, Finding]]]]:
    """Each rule's answer, and what is left of it after the exceptions that stand before it in its policy."""
    allowed: dict[str, list[tuple[int, Finding]]] = {}
    for answer in asked:
        exceptions = allowed.setdefault(answer.rule.policy.id, [])
        findings = _without(answer.findings, exceptions) if exceptions else answer.findings
        if answer.rule.spec.action is Action.ALLOW and not answer.rule.shadow:
            exceptions.extend(findings)
        yield answer, findings


def _without(findings: list[tuple[int, Finding]], exceptions: list[tuple[int, Finding]]) -> list[tuple[int, Finding]]:
    of_text: dict[int, list[tuple[int, int]]] = {}
    for number, finding in exceptions:
        of_text.setdefault(number, []).append((finding.start, finding.end))
    stretches = {number: Stretches(spans) for number, spans in of_text.items()}
    return [
        (number, finding)
        for number, finding in findings
        if number not in stretches or not stretches[number].cover(finding.start, finding.end)
    ]


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
