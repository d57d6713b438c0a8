"""Guardrails on calls, from the request to the last byte of the answer, through the real pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from contracts.chat import ChatChunk
from contracts.events import (
    AttemptCancelled,
    CacheStored,
    GuardrailBlocked,
    GuardrailFailed,
    GuardrailMatched,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
    RequestStarted,
)
from contracts.guardrails import Action, Finding, OnError, PolicySpec, Stage
from contracts.ports import UpstreamRequest, UpstreamResponse, UpstreamStream
from contracts.specs import CacheSpec, PayloadStorage, RouteSpec
from gateway.engine.guarded_stream import GuardedStream
from guardrails.engine import kinds
from guardrails.engine.detectors.words import WordsOptions
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.text import Text
from routing.providers.sandbox_transport import SandboxUpstream
from tests.gateway.stand import Stand, json_of, read, sandbox_target, sse_objects
from tests.guardrails.engine.rule_specs import policy, rule

TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
IN = frozenset({Stage.INPUT})
OUT = frozenset({Stage.OUTPUT})


class Provider(SandboxUpstream):
    """The sandbox, and what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.bodies.append(msgspec.json.decode(request.body))
        return await super().send(request)

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        self.bodies.append(msgspec.json.decode(request.body))
        return await super().open(request)


def guarded(*policies: PolicySpec, reply: str | None = None, **fields: Any) -> tuple[Stand, Provider]:
    provider = Provider()
    options = {"reply": reply} if reply is not None else {}
    tenant = {"policies": policies, **fields.pop("tenant", {})}
    return Stand(sandbox_target(options=options), upstream=provider, tenant=tenant, **fields), provider


def header(answer: Any, name: bytes = b"x-guardrail") -> bytes | None:
    return dict(answer.headers).get(name)


def said(stream: bytes) -> str:
    return "".join(
        (choice.get("delta") or {}).get("content") or ""
        for chunk in sse_objects(stream)
        if isinstance(chunk, dict)
        for choice in chunk.get("choices", ())
    )


# --- the request ------------------------------------------------------------------------------------------


async def test_a_call_to_which_no_policy_applies_is_as_it_was() -> None:
    elsewhere = policy(rule(action=Action.BLOCK), routes=frozenset({"other"}))
    another_key = policy(rule(action=Action.BLOCK), keys=frozenset({"key-2"}))
    stand, provider = guarded(elsewhere, another_key)
    answer = await stand.chat("my password is hunter22")
    assert answer.status == 200
    assert header(answer) is None
    assert "hunter22" in str(provider.bodies)
    assert not [name for name in stand.emitter.types() if name.startswith("guardrail")]


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hunter22"}]}, "openai"),
        ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "hunter22"}]}, "anthropic"),
        ("/v1/generate", {"prompt": "hunter22"}, "openai"),
        ("/v1/embeddings", {"input": ["fine", "hunter22"]}, "openai"),
    ],
)
async def test_a_blocked_prompt_is_refused_in_every_format_and_never_sent(path: str, body: Any, shape: str) -> None:
    stand, provider = guarded(policy(rule(action=Action.BLOCK, message="No passwords, please.")))
    answer = await stand.send(path, body)
    error = json_of(answer)["error"]
    assert answer.status == 400
    assert (error["code"], error["message"]) == ("CONTENT_BLOCKED", "No passwords, please.")
    assert error["details"]["rule"] == "words block"
    assert error["type"] == "invalid_request_error"
    assert (json_of(answer).get("type") == "error") == (shape == "anthropic")
    assert b"hunter22" not in answer.body
    assert header(answer) == b"block"
    assert provider.bodies == []
    assert stand.emitter.types() == ["guardrail.rule.matched", "guardrail.call.blocked", "llm.request.rejected"]
    assert stand.only(RequestRejected).details["stage"] == "input"
    assert "hunter22" not in str(stand.emitter.events)


async def test_what_is_redacted_never_reaches_the_provider() -> None:
    stand, provider = guarded(policy(rule()))
    answer = await stand.send(
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "system", "content": "The password is hunter22."},
                {"role": "user", "content": [{"type": "text", "text": "hunt\u200ber22?"}]},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"q": ["hunter22"]}'}}
                ]},
                {"role": "tool", "tool_call_id": "1", "content": "it is hunter22"},
            ]
        },
    )  # fmt: skip
    assert answer.status == 200
    assert header(answer) == b"redact"
    system, user, assistant, tool = provider.bodies[0]["messages"]
    assert system["content"] == "The password is [LISTED_WORD]."
    assert user["content"][0]["text"] == "[LISTED_WORD]?"
    assert msgspec.json.decode(assistant["tool_calls"][0]["function"]["arguments"]) == {"q": ["[LISTED_WORD]"]}
    assert tool["content"] == "it is [LISTED_WORD]"
    stages = {event.stage: event.entities for event in stand.emitter.payloads(GuardrailMatched)}
    assert stages == {"input": {"LISTED_WORD": 3}, "tool_result": {"LISTED_WORD": 1}}


async def test_what_is_split_over_messages_is_found() -> None:
    stand, provider = guarded(policy(rule()))
    messages = [{"role": "user", "content": part} for part in ("It is hun", "ter", "22 now")]
    await stand.send("/v1/chat/completions", {"messages": messages})
    assert "hun" not in str(provider.bodies[0]["messages"])
    assert "split over texts" in stand.only(GuardrailMatched).evidence[0]


async def test_a_masked_value_comes_back_in_the_answer_and_was_never_sent() -> None:
    stand, provider = guarded(policy(rule(action=Action.MASK, stages=IN, options={"words": ["ann", "bob"]})))
    answer = await stand.chat("Ann wrote to Bob, and Ann waits.")
    assert "[LISTED_WORD_1] wrote to [LISTED_WORD_2], and [LISTED_WORD_1] waits." in str(provider.bodies)
    assert "Ann wrote to Bob, and Ann waits." in json_of(answer)["output_text"]
    assert header(answer) == b"mask"


async def test_a_masked_value_comes_back_in_a_stream_and_in_tool_calls() -> None:
    masking = policy(rule(action=Action.MASK, stages=IN, options={"words": ['Ann "the" Ace']}))
    stand, provider = guarded(masking)
    stream = await read(await stand.chat('Ann "the" Ace asks', stream=True))
    assert 'Ann "the" Ace asks' in said(stream)
    assert "Ace" not in str(provider.bodies)
    whole = json_of(await stand.chat('find "Ann "the" Ace"', tools=[TOOL], tool_choice="required"))
    [call] = whole["choices"][0]["message"]["tool_calls"]
    assert 'Ann "the" Ace' in msgspec.json.decode(call["function"]["arguments"])["query"]
    pieces = sse_objects(
        await read(await stand.chat('find Ann "the" Ace', tools=[TOOL], tool_choice="required", stream=True))
    )
    arguments = "".join(
        made["function"].get("arguments") or ""
        for piece in pieces[:-1]
        for choice in piece["choices"]
        for made in choice["delta"].get("tool_calls", ())
    )
    assert 'Ann "the" Ace' in msgspec.json.decode(arguments)["query"]


async def test_a_call_is_taken_to_the_route_that_a_rule_names_and_to_no_other() -> None:
    here, local = sandbox_target("here"), sandbox_target("local")
    stand = Stand(here, tenant={"policies": (policy(rule(action=Action.REROUTE, reroute_to="local")),)})
    routes = (*stand.source.platform.routes, RouteSpec(id="route-2", name="local", targets=(local,)))
    stand.source.platform = msgspec.structs.replace(stand.source.platform, routes=routes)
    answer = await stand.chat("hunter22")
    assert json_of(answer)["provider"] == "sandbox-local"
    assert header(answer) == b"reroute"
    assert json_of(await stand.chat("hello"))["provider"] == "sandbox-here"


async def test_a_key_that_may_not_use_that_route_is_refused() -> None:
    stand, provider = guarded(
        policy(rule(action=Action.REROUTE, reroute_to="local")), key={"allowed_routes": frozenset({"default"})}
    )
    routes = (*stand.source.platform.routes, RouteSpec(id="route-2", name="local", targets=(sandbox_target("local"),)))
    stand.source.platform = msgspec.structs.replace(stand.source.platform, routes=routes)
    answer = await stand.chat("hunter22")
    assert (answer.status, json_of(answer)["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert provider.bodies == []


async def test_shadow_rules_and_policies_only_tell() -> None:
    trying = policy(rule(action=Action.BLOCK, shadow=True), id="a")
    shadow = policy(rule(), id="b", shadow=True)
    stand, provider = guarded(trying, shadow)
    answer = await stand.chat("hunter22")
    assert answer.status == 200
    assert header(answer) is None
    assert "hunter22" in str(provider.bodies)
    told = [(event.action, event.shadow) for event in stand.emitter.payloads(GuardrailMatched)]
    assert told[:2] == [("block", True), ("redact", True)]


async def test_the_text_is_in_the_event_only_where_the_tenant_stores_payloads() -> None:
    plain, _ = guarded(policy(rule(stages=IN)))
    storing, _ = guarded(policy(rule(stages=IN)), tenant={"payloads": PayloadStorage.STORED})
    for stand in (plain, storing):
        await stand.chat("it is hunter22")
    assert plain.only(GuardrailMatched).text is None
    assert len(plain.only(GuardrailMatched).text_hash) == 64
    assert storing.only(GuardrailMatched).text == "it is hunter22"
    assert storing.only(RequestStarted).input == [{"role": "user", "content": "it is [LISTED_WORD]"}]


# --- the answer -------------------------------------------------------------------------------------------


async def test_a_whole_answer_is_redacted_in_all_choices() -> None:
    stand, _ = guarded(policy(rule(stages=OUT)), reply="it is hunter22", tenant={"payloads": PayloadStorage.STORED})
    body = json_of(await stand.chat(n=2))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["it is [LISTED_WORD]"] * len(
        body["choices"]
    )
    assert body["output_text"] == "it is [LISTED_WORD]"
    assert stand.only(RequestCompleted).output["content"] == "it is [LISTED_WORD]"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/generate"])
async def test_a_blocked_answer_is_withheld_and_paid_for(path: str) -> None:
    stand, _ = guarded(policy(rule(action=Action.BLOCK, stages=OUT)), reply="it is hunter22")
    body = (
        {"prompt": "x"}
        if path == "/v1/generate"
        else {"max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    )
    answer = await stand.send(path, body)
    assert json_of(answer)["error"]["code"] == "CONTENT_BLOCKED"
    assert b"hunter22" not in answer.body
    failed = stand.only(RequestFailed)
    assert failed.output_tokens > 0
    assert failed.cost_nanousd > 0
    assert not failed.usage_estimated
    assert not stand.only(GuardrailBlocked).streamed
    assert [name for name in stand.emitter.types() if name in ("llm.request.completed", "llm.request.failed")] == [
        "llm.request.failed"
    ]


async def test_arguments_of_tool_calls_are_a_stage_of_their_own() -> None:
    stand, _ = guarded(policy(rule(stages=frozenset({Stage.TOOL_CALL}))))
    whole = json_of(await stand.chat("find hunter22", tools=[TOOL], tool_choice="required"))
    assert "[LISTED_WORD]" in whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    stream = await read(await stand.chat("find hunter22", tools=[TOOL], tool_choice="required", stream=True))
    assert b"hunter22" not in stream
    assert b"[LISTED_WORD]" in stream
    assert {event.stage for event in stand.emitter.payloads(GuardrailMatched)} == {"tool_call"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/generate/stream"])
async def test_a_stream_is_redacted_as_it_goes(path: str) -> None:
    stand, _ = guarded(policy(rule(stages=OUT)), reply="so the password is hunter22, and that is all there is to it")
    body = (
        {"prompt": "x"}
        if "generate" in path
        else {"max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    )
    answer = await stand.send(path, body)
    assert answer.stream is not None
    pieces = [piece async for piece in answer.stream]
    text = b"".join(pieces)
    assert len(pieces) > 3
    assert b"[LISTED_WORD]" in text
    assert b"hunter" not in text
    completed = stand.only(RequestCompleted)
    assert completed.finish_reason == "stop"
    assert not completed.usage_estimated
    assert stand.only(GuardrailMatched).entities == {"LISTED_WORD": 1}


async def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    stand, _ = guarded(policy(rule(stages=OUT)), reply="hunter22 and hunter22, hunter222 and again hunter22")
    whole = json_of(await stand.chat())["output_text"]
    assert (
        said(await read(await stand.chat(stream=True)))
        == whole
        == "[LISTED_WORD] and [LISTED_WORD], hunter222 and again [LISTED_WORD]"
    )


async def test_a_blocked_stream_ends_with_a_finish_reason_and_an_error_and_is_billed() -> None:
    reply = "so the password is hunter22, and that is all there is to it, " + "word " * 100
    stand, _ = guarded(policy(rule(action=Action.BLOCK, stages=OUT)), reply=reply)
    answer = await stand.chat(stream=True)
    *chunks, last = sse_objects(await read(answer))
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert last["error"]["code"] == "CONTENT_BLOCKED"
    assert "hunter" not in str(chunks)
    assert stand.only(GuardrailBlocked).streamed
    failed = stand.only(RequestFailed)
    assert failed.error_code == "CONTENT_BLOCKED"
    assert failed.output_tokens > 0
    assert stand.only(AttemptCancelled).reason == "a guardrail withholds the answer"


async def test_logprobs_do_not_say_what_the_text_does_not() -> None:
    stream = GuardedStream(PolicySet([policy(rule(stages=OUT))]), None, keep=False)
    chunk = ChatChunk(
        {"choices": [{"index": 0, "delta": {"content": "hunter22"}, "logprobs": {"content": ["hunter22"]}}]}
    )
    assert "hunter" not in str(await stream.feed(chunk))
    assert "[LISTED_WORD]" in str(await stream.finish())


async def test_reasoning_goes_out_before_the_answer_that_follows_it() -> None:
    stream = GuardedStream(PolicySet([policy(rule(stages=OUT))]), None, keep=False)
    first = await stream.feed(
        ChatChunk({"choices": [{"index": 0, "delta": {"reasoning_content": "I think hunter22"}}]})
    )
    second = await stream.feed(ChatChunk({"choices": [{"index": 0, "delta": {"content": "Yes."}}]}))
    rest = await stream.finish()
    assert "hunter" not in str((first, second, rest))
    assert second is not None
    assert second.body["choices"][0]["delta"]["reasoning_content"].endswith("[LISTED_WORD]")
    assert rest is not None
    assert rest.body["choices"][0]["delta"] == {"content": "Yes."}


# --- rules that fail --------------------------------------------------------------------------------------


class Broken:
    """A detector that cannot."""

    window: int | None = 10

    def __init__(self, options: Any) -> None:
        self.options = options

    def find(self, text: Text) -> Sequence[Finding]:
        raise RuntimeError("no")


@pytest.fixture
def _broken_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kinds.RuleKind(name="broken", title="", description="", options=WordsOptions, build=Broken)
    monkeypatch.setitem(kinds.KINDS, "broken", kind)


@pytest.mark.usefixtures("_broken_kind")
@pytest.mark.parametrize(("on_error", "status"), [(OnError.ALLOW, 200), (OnError.BLOCK, 400)])
async def test_a_failing_rule_is_told_and_its_on_error_decides(on_error: OnError, status: int) -> None:
    failing = rule("broken", stages=IN, on_error=on_error, options={"words": ["x"]})
    stand, _ = guarded(policy(failing))
    answer = await stand.chat("hello")
    assert answer.status == status
    failed = stand.only(GuardrailFailed)
    assert (failed.reason, failed.detail, failed.on_error) == ("error", "RuntimeError", on_error)


@pytest.mark.usefixtures("_broken_kind")
@pytest.mark.parametrize(
    ("on_error", "end"), [(OnError.ALLOW, "llm.request.completed"), (OnError.BLOCK, "llm.request.failed")]
)
async def test_a_rule_that_fails_on_a_stream_is_told_once(on_error: OnError, end: str) -> None:
    failing = rule("broken", stages=OUT, on_error=on_error, options={"words": ["x"]})
    stand, _ = guarded(policy(failing), reply="a rather long answer " * 10)
    await read(await stand.chat(stream=True))
    assert stand.only(GuardrailFailed).stage == "output"
    assert stand.emitter.types()[-1] == end


async def test_a_rule_of_an_unknown_kind_does_not_stop_the_others() -> None:
    stand, provider = guarded(policy(rule("from_the_future", stages=IN), rule(stages=IN)))
    await stand.chat("hunter22")
    assert "[LISTED_WORD]" in str(provider.bodies)
    assert stand.only(GuardrailFailed).reason == "broken"


async def test_platform_policies_come_before_the_tenants() -> None:
    stand, _ = guarded(policy(rule(action=Action.BLOCK, name="the tenant's"), id="t"))
    platform = policy(rule(action=Action.BLOCK, name="the platform's"), id="p")
    stand.source.platform = msgspec.structs.replace(stand.source.platform, policies=(platform,))
    assert json_of(await stand.chat("hunter22"))["error"]["details"]["rule"] == "the platform's"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_withheld_is_not_kept_for_equal_calls(stream: bool) -> None:
    withheld = policy(rule(action=Action.BLOCK, stages=OUT))
    stand, provider = guarded(withheld, reply="it is hunter22", route={"cache": CacheSpec()})
    for _ in range(2):
        answer = await stand.chat(stream=stream)
        if stream:
            await read(answer)
    assert len(provider.bodies) == 2
    assert stand.emitter.payloads(CacheStored) == []


async def test_what_is_kept_is_what_the_provider_said_and_rules_redact_it_for_each() -> None:
    redacted = policy(rule(stages=OUT))
    stand, provider = guarded(redacted, reply="it is hunter22", route={"cache": CacheSpec()})
    texts = [json_of(await stand.chat())["choices"][0]["message"]["content"] for _ in range(2)]
    assert texts[0] == texts[1]
    assert "hunter22" not in texts[0]
    assert len(provider.bodies) == 1
    assert len(stand.emitter.payloads(GuardrailMatched)) == 2


# --- topics -----------------------------------------------------------------------------------------------


async def test_a_question_about_a_forbidden_topic_is_refused_and_told() -> None:
    medicine = {"name": "Medical advice", "examples": ["Is this rash dangerous?", "What dose may I take?"]}
    topic = rule("topic", Action.BLOCK, options={"topics": [medicine]}, deadline_ms=5_000, stages=IN)
    stand, provider = guarded(policy(topic))
    answer = await stand.chat("Is my rash dangerous?")
    assert answer.status == 400
    assert provider.bodies == []
    matched = stand.only(GuardrailMatched)
    assert (matched.kind, matched.entities) == ("topic", {"MEDICAL_ADVICE": 1})
    assert matched.evidence == ["topic “Medical advice”, nearest example “Is this rash dangerous?”"]
    assert (await stand.chat("Book me a train to Rome.")).status == 200
