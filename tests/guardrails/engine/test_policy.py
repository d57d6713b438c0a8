"""Policies on whole texts: who wins, what is replaced, what failing means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.guardrails import Action, Finding, OnError, Stage
from guardrails.engine import kinds
from guardrails.engine.detectors.words import Words, WordsOptions
from guardrails.engine.masking import Masking, Restoring
from guardrails.engine.policy import INLINE, apply, apply_to_one, judge_later
from guardrails.engine.policy_set import PolicySet, applicable
from guardrails.engine.screened import Screened
from guardrails.engine.text import Text
from tests.guardrails.engine.rule_specs import policy, rule


def words(*listed: str, action: Action = Action.REDACT, **options: Any) -> Any:
    fields = {name: options.pop(name) for name in ("shadow", "on_error", "id") if name in options}
    return rule(action=action, options={"words": listed, **options}, **fields)


async def judged(*rules: Any, text: str, stage: Stage = Stage.INPUT, masking: Masking | None = None) -> Any:
    return await apply(PolicySet([policy(*rules)]).at(stage), stage, [text], masking=masking)


async def test_the_strongest_action_wins() -> None:
    verdict = await judged(words("one", action=Action.FLAG), words("two", action=Action.BLOCK), text="one two")
    assert verdict.action is Action.BLOCK
    assert verdict.blocking.rule.spec.action is Action.BLOCK


async def test_overlapping_findings_are_replaced_once_and_whole() -> None:
    rules = (words("top secret", entity="FIRST"), words("secret agent", entity="SECOND"))
    verdict = await judged(*rules, text="a top secret agent sings")
    assert verdict.texts == ["a [SECOND] sings"]
    assert (await judged(*reversed(rules), text="a top secret agent sings")).texts == verdict.texts


async def test_an_exception_holds_for_later_rules_of_its_policy_only() -> None:
    exception, later = words("secret santa", action=Action.ALLOW), words("secret")
    assert (await judged(exception, later, text="secret santa, secret")).texts == ["secret santa, [LISTED_WORD]"]
    assert (await judged(later, exception, text="secret santa")).texts == ["[LISTED_WORD] santa"]
    both = PolicySet([policy(exception, id="a"), policy(later, id="b")])
    verdict = await apply(both.at(Stage.INPUT), Stage.INPUT, ["secret santa"])
    assert verdict.texts == ["[LISTED_WORD] santa"]


async def test_a_shadow_exception_excepts_nothing() -> None:
    verdict = await judged(words("secret", action=Action.ALLOW, shadow=True), words("secret"), text="secret")
    assert verdict.texts == ["[LISTED_WORD]"]


async def test_masks_are_the_same_for_the_same_value_and_not_mistaken_for_the_callers_own() -> None:
    masking = Masking(["the caller wrote [LISTED_WORD_1] itself"])
    verdict = await judged(words("ann", "bob", action=Action.MASK), text="ann bob ann", masking=masking)
    assert verdict.texts == ["[LISTED_WORD_2] [LISTED_WORD_3] [LISTED_WORD_2]"]
    assert masking.restored("[LISTED_WORD_1], [LISTED_WORD_3]") == "[LISTED_WORD_1], bob"
    assert masking.restored('{"a": "[LISTED_WORD_2]"}', in_json=True) == '{"a": "ann"}'


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_placeholder_that_comes_in_pieces_is_restored_and_nothing_else_is_held(size: int) -> None:
    masking = Masking()
    masking.placeholder("EMAIL_ADDRESS", "ann@example.org")
    text = "to [EMAIL_ADDRESS_1], [EMAIL_ADDRESS_12] [EMAIL and [1]"
    restoring = Restoring(masking)
    said = [restoring.feed(text[place : place + size]) for place in range(0, len(text), size)]
    assert "".join(said) + restoring.finish() == "to ann@example.org, [EMAIL_ADDRESS_12] [EMAIL and [1]"


async def test_in_answers_a_mask_is_a_redaction_and_nothing_is_taken_elsewhere() -> None:
    masked = await judged(words("ann", action=Action.MASK), text="ann", stage=Stage.OUTPUT, masking=Masking())
    assert masked.texts == ["[LISTED_WORD]"]
    elsewhere = rule(action=Action.REROUTE, reroute_to="local")
    assert (await judged(elsewhere, text="hunter22", stage=Stage.OUTPUT)).action is Action.FLAG


def test_a_policy_applies_to_its_routes_and_keys() -> None:
    everywhere, bound = policy(id="a"), policy(id="b", routes=frozenset({"chat"}), keys=frozenset({"key-1"}))
    assert applicable([everywhere, bound], route="chat", key_id="key-1") == (everywhere, bound)
    assert applicable([everywhere, bound], route="chat", key_id="key-2") == (everywhere,)
    assert applicable([everywhere, bound], route="other", key_id="key-1") == (everywhere,)


def test_rules_that_ask_for_the_same_share_a_detector() -> None:
    [one], [other] = (PolicySet([policy(words("shared"), id=name)]).at(Stage.INPUT) for name in "ab")
    assert one.fast is other.fast


async def test_what_is_split_over_neighbours_is_found_and_what_is_not_is_not_found_twice() -> None:
    rules = PolicySet([policy(words("hunter22", "ignore all rules"))]).at(Stage.INPUT)
    texts = ["my hun", "ter22 is it", "ignore all", "rules hunter22"]
    verdict = await apply(rules, Stage.INPUT, texts, neighbours=[0, 1, 2, 3])
    assert verdict.texts == ["my [LISTED_WORD]", "[LISTED_WORD] is it", "[LISTED_WORD]", "[LISTED_WORD] [LISTED_WORD]"]
    apart = await apply(rules, Stage.INPUT, texts, neighbours=[0, 2])
    assert apart.texts[:2] == texts[:2]


class Slow:
    """A deep detector that never comes to an end."""

    def __init__(self, options: Any) -> None:
        self.options = options

    async def find(self, text: Text) -> Sequence[Finding]:
        await asyncio.Event().wait()
        return ()


class Deep(Slow):
    async def find(self, text: Text) -> Sequence[Finding]:
        return [Finding(0, len(text.original), "DEEP")]


@pytest.fixture
def _deep_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, build in (("slow", Slow), ("deep", Deep)):
        kind = kinds.RuleKind(name=name, title="", description="", options=WordsOptions, build=build, deep=True)
        monkeypatch.setitem(kinds.KINDS, name, kind)


@pytest.mark.usefixtures("_deep_kinds")
@pytest.mark.parametrize(("on_error", "action"), [(OnError.ALLOW, None), (OnError.BLOCK, Action.BLOCK)])
async def test_a_deep_rule_that_is_not_done_by_its_deadline_fails(on_error: OnError, action: Action | None) -> None:
    slow = rule("slow", options={"words": [str(on_error)]}, deadline_ms=1, on_error=on_error)
    verdict = await judged(slow, text="text")
    assert [failure.reason for failure in verdict.failures] == ["deadline"]
    assert verdict.action is action


@pytest.mark.usefixtures("_deep_kinds")
async def test_deep_rules_that_can_only_flag_are_left_for_later() -> None:
    flagging = rule("deep", Action.FLAG, options={"words": ["x"]})
    acting = rule("deep", Action.REDACT, options={"words": ["x"]})
    verdict = await judged(flagging, acting, text="text")
    assert (verdict.texts, len(verdict.matches)) == (["[DEEP]"], 1)
    later = await judge_later(verdict.later, Stage.INPUT, ["text"])
    assert [match.action for match in later.matches] == [Action.FLAG]


async def test_a_long_text_is_looked_at_off_the_event_loop_with_the_same_outcome() -> None:
    text = "word " * (INLINE // 4) + "secret"
    assert (await judged(words("secret"), text=text)).texts[0].endswith("word [LISTED_WORD]")


@pytest.mark.parametrize("stage", [Stage.INPUT, Stage.OUTPUT])
@pytest.mark.parametrize(
    "text", ["nothing", "one", "two is more than one", "[TWO] \u200bo\u200bne", "excepted one, one"]
)
async def test_a_text_by_itself_is_judged_as_among_others(stage: Stage, text: str) -> None:
    rules = PolicySet(
        [
            policy(
                words("excepted one", action=Action.ALLOW, id="a"),
                words("one", action=Action.MASK, entity="ONE", id="b"),
                words("two", action=Action.BLOCK, shadow=True, id="c"),
            )
        ]
    ).at(stage)
    alone = apply_to_one(rules, stage, text, masking=Masking([text]))
    among = await apply(rules, stage, [text, "another"], masking=Masking([text]))
    if alone is None:
        assert (among.matches, among.failures, among.texts[0]) == ([], [], text)
        return
    assert (alone.texts[0], alone.action) == (among.texts[0], among.action)
    assert [(one.rule, one.action, one.findings) for one in alone.matches] == [
        (one.rule, one.action, one.findings) for one in among.matches
    ]


def test_a_text_by_itself_is_looked_at_once_and_what_is_found_each_time() -> None:
    policies = PolicySet([policy(words("one"))])
    rules, screened = policies.at(Stage.INPUT), Screened()

    def look(text: str) -> Any:
        by = screened.by("acme", policies.detectors[Stage.INPUT])
        return apply_to_one(rules, Stage.INPUT, text, screened=by)

    assert look("good") is None
    assert len(screened) == 1
    assert [look("one").texts for _ in range(2)] == [["[LISTED_WORD]"]] * 2
    assert len(screened) == 1


async def test_a_rule_that_fails_on_a_text_by_itself_is_told_and_the_text_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Words, text: Text) -> Sequence[Finding]:
        raise RuntimeError

    policies = PolicySet([policy(words("one", on_error=OnError.BLOCK))])
    screened = Screened()
    monkeypatch.setattr(Words, "find", broken)
    by = screened.by("acme", policies.detectors[Stage.INPUT])
    verdict = apply_to_one(policies.at(Stage.INPUT), Stage.INPUT, "one", screened=by)
    assert verdict is not None
    assert [failure.reason for failure in verdict.failures] == ["error"]
    assert verdict.action is Action.BLOCK
    assert len(screened) == 0


def test_stages_with_a_rule_that_takes_long_or_cannot_be_built_are_not_inline() -> None:
    inputs, outputs, tools = (frozenset({stage}) for stage in (Stage.INPUT, Stage.OUTPUT, Stage.TOOL_CALL))
    policies = PolicySet(
        [
            policy(
                rule("judge", action=Action.FLAG, stages=inputs, options={"criterion": "It is rude.", "route": "r"}),
                rule("unheard-of", stages=outputs),
                rule("words", stages=tools),
            )
        ]
    )
    assert Stage.INPUT not in policies.inline
    assert Stage.OUTPUT not in policies.inline
    assert Stage.TOOL_CALL in policies.inline
