"""Rules on a text that comes piece by piece: what is said of it is what would be said of the whole.

The text is looked at whenever its length passes a multiple of the plan's tick, however it is cut into pieces. A
place is decided once as many characters have followed as the widest of the rules' windows holds, as a reader counts
them; what is decided goes out, and what is not, does not. A finding that may yet go on is held back from its start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.guardrails import Action, Finding, Stage
from guardrails.engine.policy import Asked, Match, Verdict, apply, ask_inline, text_at, without_exceptions
from guardrails.engine.replacing import Found, clusters, rewritten
from guardrails.engine.rules import CompiledRule
from guardrails.engine.text import Text

TICK: Final = 16
"""Characters, about four tokens, after which is looked again at the earliest."""


FURTHER_BACK: Final = 128
"""Characters that are kept of what has gone out, beyond the one window that is needed."""


class Blocked(Exception):
    """A rule withholds the rest of the text."""


class Plan(msgspec.Struct, frozen=True):
    """How a stage's rules are applied to streams."""

    stage: Stage
    running: tuple[CompiledRule, ...]
    """Those that decide while the text comes, in order."""
    at_end: tuple[CompiledRule, ...]
    """Those that are asked once it is complete, and can only tell."""
    held: tuple[CompiledRule, ...]
    """All of them, where one that can act must see the whole text: nothing goes out before its end. Else empty."""
    window: int
    """Characters that are held back."""

    @property
    def tick(self) -> int:
        """Looking more often than this, in characters, would cost more than it gains."""
        return max(TICK, self.window // 8)


def plan_of(rules: Sequence[CompiledRule], stage: Stage) -> Plan:
    """Sort the rules by what they need."""
    if any(_needs_all(rule) and rule.spec.hold_stream for rule in rules):
        return Plan(stage, (), (), tuple(rules), 0)
    running = tuple(rule for rule in rules if _runs(rule))
    at_end = tuple(rule for rule in rules if rule not in running)
    return Plan(stage, running, at_end, (), max((rule.window or 1 for rule in running), default=1))


def _needs_all(rule: CompiledRule) -> bool:
    return rule.acts and rule.window is None


def _runs(rule: CompiledRule) -> bool:
    # What only tells of a text from its beginning on need not keep anything back.
    return rule.window is not None and (rule.acts or rule.spec.action is Action.ALLOW or not rule.from_start)


class StreamedText:
    """One text on its way."""

    def __init__(self, plan: Plan, *, keep: bool = False) -> None:
        self._plan = plan
        self._buffer = ""
        self._base = 0
        """Offset of the buffer in the text."""
        self._said = 0
        """Offset up to which the text has gone out."""
        self._whole: list[str] | None = None
        if keep or plan.held or plan.at_end or any(rule.from_start for rule in plan.running):
            self._whole = []
        self.verdict = Verdict(plan.stage, [])
        """What was found by now; its texts are not kept."""
        self._matches: dict[int, Match] = {}
        self._failed: set[int] = set()

    @property
    def kept(self) -> list[str]:
        """The text so far, where it had to be kept."""
        return ["".join(self._whole)] if self._whole is not None else []

    def feed(self, piece: str) -> str:
        """What can be said by now.

        Raises:
            Blocked: a rule withholds it.
        """
        if self._whole is not None:
            self._whole.append(piece)
        if self._plan.held:
            return ""
        said, tick = "", self._plan.tick
        # Looking happens at the same places however the text is cut, so that the same is found.
        while (room := tick - (self._base + len(self._buffer)) % tick) <= len(piece):
            self._buffer += piece[:room]
            piece = piece[room:]
            said += self._decide(final=False)
        self._buffer += piece
        return said

    async def finish(self) -> str:
        """The rest.

        Raises:
            Blocked: a rule withholds it.
        """
        if self._plan.held:
            return await self._finish_held()
        said = self._decide(final=True) if self._plan.running else self._rest()
        if self._plan.at_end and self._whole is not None:
            judged = await apply(self._plan.at_end, self._plan.stage, ["".join(self._whole)], at_once=True)
            for match in judged.matches:
                # The text has gone out: there is nothing left to do but tell.
                match.action = Action.ALLOW if match.action is Action.ALLOW else Action.FLAG
            self.verdict.matches.extend(judged.matches)
            self.verdict.failures.extend(judged.failures)
        return said

    async def _finish_held(self) -> str:
        self.verdict = await apply(self._plan.held, self._plan.stage, ["".join(self._whole or ())], at_once=True)
        if self.verdict.blocking is not None:
            raise Blocked
        return self.verdict.texts[0]

    def _rest(self) -> str:
        rest = self._buffer[self._said - self._base :]
        self._base = self._said = self._base + len(self._buffer)
        self._buffer = ""
        return rest

    def _decide(self, *, final: bool) -> str:
        if not self._plan.running:
            return self._rest()
        text = text_at(self._plan.stage, self._buffer)
        said = self._said - self._base
        asked = [self._ask(rule, text) for rule in self._plan.running]
        found = [
            (rule, Found(_from(finding, said), rule.action_at(self._plan.stage), order, not rule.shadow))
            for order, (rule, findings) in enumerate(self._left(asked))
            for finding in findings
            if finding.end > said
        ]
        until = self._until([one for _, one in found], len(self._buffer) if final else self._decided(text))
        if until > said:
            self._note([(rule, one.finding) for rule, one in found if one.finding.start < until])
        if self.verdict.blocking is not None:
            raise Blocked
        piece = self._buffer[said:until]
        going = [_moved(one, said) for _, one in found if one.finding.start < until]
        self._said = self._base + max(said, until)
        self._forget(text)
        return rewritten(piece, going, None) if going else piece

    def _left(self, asked: Sequence[Asked]) -> list[tuple[CompiledRule, list[Finding]]]:
        """What the rules found, exceptions heeded; a failure is told once."""
        left = []
        for answer, findings in without_exceptions(asked):
            left.append((answer.rule, [finding for _, finding in findings]))
            if answer.failure is not None and id(answer.rule) not in self._failed:
                self._failed.add(id(answer.rule))
                self.verdict.failures.append(answer.failure)
        return left

    def _until(self, found: list[Found], decided: int) -> int:
        """Up to where the text can go out: not into what may yet become another finding."""
        for cluster in clusters(found):
            if cluster.end > decided:
                return min(decided, cluster.start)
        return decided

    def _note(self, found: list[tuple[CompiledRule, Finding]]) -> None:
        for rule, finding in found:
            match = self._matches.get(id(rule))
            if match is None:
                match = Match(rule, self._plan.stage, rule.action_at(self._plan.stage), [], 0.0)
                self._matches[id(rule)] = match
                self.verdict.matches.append(match)
            moved = msgspec.structs.replace(finding, start=finding.start + self._base, end=finding.end + self._base)
            match.findings.append((0, moved))

    def _ask(self, rule: CompiledRule, text: Text) -> Asked:
        if not rule.from_start or self._whole is None:
            return ask_inline(rule, self._plan.stage, [text])
        # A piece may be longer than what has been reached in it.
        known = "".join(self._whole)[: self._base + len(self._buffer)]
        asked = ask_inline(rule, self._plan.stage, [text_at(self._plan.stage, known)])
        asked.findings = [
            (0, msgspec.structs.replace(one, start=max(0, one.start - self._base), end=one.end - self._base))
            for _, one in asked.findings
            if one.end > self._base
        ]
        return asked

    def _decided(self, text: Text) -> int:
        """Up to where nothing can change any more, whatever follows."""
        reading = text.folded
        place = max(0, len(reading.text) - self._plan.window)
        for rule in self._plan.running:
            if rule.opener is not None:
                opened = rule.opener.search(reading.text, max(0, len(reading.text) - rule.opened_window))
                place = min(place, opened.start()) if opened is not None else place
        return place if reading.places is None else reading.places[place]

    def _forget(self, text: Text) -> None:
        """Keep of what has gone out only what a match may need before it."""
        said, reading = self._said - self._base, text.folded
        kept = self._plan.window + min(self._plan.window, FURTHER_BACK)
        begin = (
            said - kept if reading.places is None else reading.places[max(0, bisect_left(reading.places, said) - kept)]
        )
        if begin > 0:
            self._buffer = self._buffer[begin:]
            self._base += begin


def _from(finding: Finding, said: int) -> Finding:
    return finding if finding.start >= said else msgspec.structs.replace(finding, start=said)


def _moved(one: Found, said: int) -> Found:
    finding = one.finding
    return msgspec.structs.replace(
        one, finding=msgspec.structs.replace(finding, start=finding.start - said, end=finding.end - said)
    )
