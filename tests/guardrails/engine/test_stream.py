"""Streams: what goes out is what would go out of the whole text, and never a part of what must not."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.guardrails import Action, RuleSpec, Stage
from guardrails.engine.policy import apply
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.stream import TICK, Blocked, StreamedText, plan_of
from tests.guardrails.engine.rule_specs import policy, rule

SECRETS = ("hunter22", "top secret", "secret agent", "x")
REDACTING = (
    rule(options={"words": SECRETS}, id="words"),
    rule(options={"words": ["22", "secret"], "whole_words": False, "entity": "PART"}, id="parts"),
    rule("links", options={"allowed_hosts": ["example.org"]}),
    rule("toxicity"),
)
SORTS = {
    "words": REDACTING[:1],
    "overlapping words": REDACTING[:2],
    "links": REDACTING[2:3],
    "all": REDACTING,
    "exceptions": (rule(action=Action.ALLOW, options={"words": ["my hunter22"]}), *REDACTING),
    "length": (*REDACTING[:1], rule("max_length", options={"limit": 60})),
    "code": (*REDACTING[:1], rule("code", stages=frozenset({Stage.OUTPUT}))),
}
WIDE = "".join(chr(0xFEE0 + ord(char)) for char in "hunter22")
PIECES = st.sampled_from(
    (
        *SECRETS, "hunter", "22", "hunt\u200ber22", WIDE, "hunter2", "top", "secret", " ", "\n", "a", "é", "\u0301",
        "\u200b", "_", "my ", "https://", "https://evil.io/?q=1", "example.org", "@", ".io", "![", "a](", ")", "```",
        "```py\n", "\n```\n", "fuck", " you", "word word word word", "\ud83d", "Привет", "0", "<img src=", '"//z.io/',
    )
)  # fmt: skip
SECRETS_AND_DATA = st.sampled_from(
    (
        "ann@example.org", "ann@exam", "ple.org", "4111 1111 1111 1111", "4111-1111-", "1111", " ", " ", "\n", ", ",
        "word ", "sk-proj-Ab3dEfGhIjKlMnOpQrStUvWxYz012345", "password: ", "hunter22x!", "AKIAIOSFODNN7EXAMPLE",
        "192.168.1.7", "+49 30 1234567", "DE89370400440532013000", "eyJhbGciOiJIUzI1NiJ9",
        ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".c2lnbmF0dXJl", "-----BEGIN PRIVATE KEY-----\n", "MIIEvQIBADANBg\n",
        "-----END PRIVATE KEY-----", "born 12 May 1980", "123-45-6789", "\u200b", "é", "postgres://u:s3cretPw@h/db",
        "the quick brown fox jumps over the lazy dog and goes home, ",
    )
)  # fmt: skip
LONG_TEXTS = st.lists(SECRETS_AND_DATA | st.text(max_size=6), min_size=10, max_size=60).map("".join)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=24).map("".join)


async def whole(rules: tuple[RuleSpec, ...], text: str) -> str:
    compiled = PolicySet([policy(*rules)]).at(Stage.OUTPUT)
    return (await apply(compiled, Stage.OUTPUT, [text])).texts[0]


async def streamed(rules: tuple[RuleSpec, ...], text: str, cuts: list[int]) -> tuple[str, list[str]]:
    stream = StreamedText(plan_of(PolicySet([policy(*rules)]).at(Stage.OUTPUT), Stage.OUTPUT))
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    said, states = "", []
    for start, end in pairwise(places):
        said += stream.feed(text[start:end])
        states.append(said)
    return said + await stream.finish(), states


@pytest.mark.parametrize("sort", SORTS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=40))
def test_a_streamed_text_is_redacted_as_the_whole_is_however_it_is_cut(sort: str, text: str, cuts: list[int]):
    async def check() -> None:
        expected = await whole(SORTS[sort], text)
        said, states = await streamed(SORTS[sort], text, cuts)
        assert said == expected
        assert all(expected.startswith(state) for state in states)

    asyncio.run(check())


@pytest.mark.parametrize("kind", ["pii", "secrets"])
@settings(max_examples=40, deadline=None)
@given(text=LONG_TEXTS, cuts=st.lists(st.integers(0, 3_000), max_size=40))
def test_credentials_and_personal_data_are_redacted_in_streams_as_in_the_whole(kind: str, text: str, cuts: list[int]):
    async def check() -> None:
        rules = (rule(kind, stages=frozenset({Stage.OUTPUT})),)
        expected = await whole(rules, text)
        said, states = await streamed(rules, text, cuts)
        assert said == expected
        assert all(expected.startswith(state) for state in states)

    asyncio.run(check())


@settings(max_examples=60, deadline=None)
@given(before=st.text(alphabet="ab .,\n", max_size=80), size=st.integers(1, 30))
def test_no_beginning_of_a_secret_is_ever_said(before: str, size: int):
    async def check() -> None:
        text = f"{before} hunter22 and on"
        cuts = list(range(0, len(text), size))
        _, states = await streamed(REDACTING[:1], text, cuts)
        for state in states:
            assert len(state) <= len(before) + 1 or state[: len(before) + 2] == f"{before} ["

    asyncio.run(check())


async def test_no_more_is_held_back_than_the_longest_match_needs():
    stream = StreamedText(plan_of(PolicySet([policy(rule())]).at(Stage.OUTPUT), Stage.OUTPUT))
    text = "nothing to see here, " * 20
    said = ""
    for place, char in enumerate(text):
        said += stream.feed(char)
        assert place + 1 - len(said) <= len("hunter22") + 2 + TICK
    assert said + await stream.finish() == text


async def test_a_rule_that_must_see_the_whole_text_holds_a_stream_until_its_end():
    plan = plan_of(PolicySet([policy(rule("json_schema", Action.BLOCK))]).at(Stage.OUTPUT), Stage.OUTPUT)
    good, bad = StreamedText(plan), StreamedText(plan)
    assert good.feed('{"a": ' * 10) == ""
    assert bad.feed("no JSON") == ""
    with pytest.raises(Blocked):
        await bad.finish()


async def test_such_a_rule_only_flags_where_it_may_not_hold_the_stream():
    blocking = rule("json_schema", Action.BLOCK, hold_stream=False)
    stream = StreamedText(plan_of(PolicySet([policy(blocking)]).at(Stage.OUTPUT), Stage.OUTPUT))
    assert stream.feed("no JSON at all, this is a sentence")
    await stream.finish()
    assert [match.action for match in stream.verdict.matches] == [Action.FLAG]


async def test_a_blocking_rule_ends_the_stream_before_anything_of_the_match_is_said():
    plan = plan_of(PolicySet([policy(rule(action=Action.BLOCK))]).at(Stage.OUTPUT), Stage.OUTPUT)
    stream = StreamedText(plan)
    said = stream.feed("the password is hunter22,")
    with pytest.raises(Blocked):
        stream.feed(" as everybody knows by now")
    assert said == "the password is "[: len(said)]
    assert stream.verdict.action is Action.BLOCK


async def test_what_is_found_is_told_once_with_its_place_in_the_text():
    stream = StreamedText(plan_of(PolicySet([policy(rule())]).at(Stage.OUTPUT), Stage.OUTPUT))
    text = "x" * 100 + " hunter22 " + "y" * 100 + " hunter22"
    for char in text:
        stream.feed(char)
    await stream.finish()
    [match] = stream.verdict.matches
    assert [text[finding.start : finding.end] for _, finding in match.findings] == ["hunter22", "hunter22"]


async def test_a_private_key_longer_than_what_is_held_back_stays_unsaid():
    body = "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" for _ in range(90))
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    text = f"Here it is:\n{key}\nKeep it safe."
    rules = (rule("secrets"),)
    said, pieces = await streamed(rules, text, list(range(7, len(text), 7)))
    assert said == await whole(rules, text) == "Here it is:\n[PRIVATE_KEY]\nKeep it safe."
    assert "MIIE" not in "".join(pieces)
