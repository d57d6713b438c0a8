"""What fast rules have found nothing in is not looked at again, and nothing else changes by that."""

from __future__ import annotations

import pytest

from contracts.guardrails import Action, Stage
from guardrails.engine.detectors.words import Words
from guardrails.engine.policy import Verdict, apply
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.screened import Screened, ScreenedBy
from guardrails.engine.text import Text
from tests.guardrails.engine.rule_specs import policy, rule

_SETS = PolicySet([policy(rule("words", action=Action.REDACT, options={"words": ["falcon"]}))])


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts at which the rule has looked."""
    seen: list[str] = []
    find = Words.find

    def noted(self: Words, text: Text):
        seen.append(text.original)
        return find(self, text)

    monkeypatch.setattr(Words, "find", noted)
    return seen


def _by(screened: Screened, tenant: str = "acme") -> ScreenedBy:
    return screened.by(tenant, _SETS.detectors[Stage.INPUT])


async def _look(texts: list[str], screened: ScreenedBy | None, neighbours: tuple[int, ...] = ()) -> Verdict:
    return await apply(_SETS.at(Stage.INPUT), Stage.INPUT, texts, neighbours=neighbours, screened=screened)


async def test_only_the_last_message_of_a_conversation_is_looked_at(looked_at: list[str]) -> None:
    screened = Screened()
    await _look(["hello", "good day"], _by(screened))
    looked_at.clear()
    await _look(["hello", "good day", "and now?"], _by(screened))
    assert looked_at == ["and now?"]


async def test_what_a_rule_found_is_found_each_time() -> None:
    screened = Screened()
    for _ in range(3):
        verdict = await _look(["hello", "the falcon flies"], _by(screened))
        assert verdict.texts == ["hello", "the [LISTED_WORD] flies"]


async def test_a_finding_is_in_the_text_that_it_was_found_in_whatever_is_known_before_it() -> None:
    screened = Screened()
    await _look(["one", "two"], _by(screened))
    verdict = await _look(["one", "two", "falcon"], _by(screened))
    assert [number for number, _ in verdict.matches[0].findings] == [2]


async def test_known_halves_of_a_word_are_found_together() -> None:
    screened = Screened()
    await _look(["a fal", "con b"], _by(screened))
    for _ in range(2):
        verdict = await _look(["a fal", "con b"], _by(screened), neighbours=(0, 1))
        assert verdict.texts == ["a [LISTED_WORD]", "[LISTED_WORD] b"]


async def test_known_ends_of_neighbours_are_not_looked_at_again(looked_at: list[str]) -> None:
    screened = Screened()
    await _look(["hello", "good day"], _by(screened), neighbours=(0, 1))
    looked_at.clear()
    await _look(["hello", "good day"], _by(screened), neighbours=(0, 1))
    assert looked_at == []


async def test_what_one_tenant_sent_is_looked_at_when_another_sends_it(looked_at: list[str]) -> None:
    screened = Screened()
    await _look(["hello"], _by(screened))
    await _look(["hello"], _by(screened, "globex"))
    assert looked_at == ["hello", "hello"]


async def test_other_rules_look_for_themselves() -> None:
    screened = Screened()
    await _look(["a hawk"], _by(screened))
    others = PolicySet([policy(rule("words", action=Action.REDACT, options={"words": ["hawk"]}))])
    by = screened.by("acme", others.detectors[Stage.INPUT])
    verdict = await apply(others.at(Stage.INPUT), Stage.INPUT, ["a hawk"], screened=by)
    assert verdict.texts == ["a [LISTED_WORD]"]


async def test_a_text_that_a_rule_failed_on_is_not_known_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Words, text: Text):
        raise RuntimeError

    screened = Screened()
    with monkeypatch.context() as patch:
        patch.setattr(Words, "find", broken)
        assert (await _look(["the falcon"], _by(screened))).failures
    assert (await _look(["the falcon"], _by(screened))).texts == ["the [LISTED_WORD]"]


async def test_the_digests_that_were_not_met_for_longest_go() -> None:
    screened = Screened(most=2)
    await _look(["one", "two"], _by(screened))
    await _look(["one"], _by(screened))
    await _look(["three"], _by(screened))
    assert len(screened) == 2
    assert _by(screened).knows("one")
    assert not _by(screened).knows("two")
