"""A call's life: what is answered, what is emitted, and that both happen exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.errors import ProviderUnavailable
from contracts.events import (
    AttemptCancelled,
    DecisionMade,
    FallbackUsed,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
    RequestStarted,
)
from contracts.specs import PayloadStorage, RetrySpec
from tests.gateway.doubles import limit
from tests.gateway.stand import Stand, json_of, read, sandbox_target, sse_objects

ENDS = {"llm.request.completed", "llm.request.failed"}


def ends(stand: Stand) -> list[str]:
    return [name for name in stand.emitter.types() if name in ENDS]


async def test_a_chat_completion_is_answered_with_what_the_gateway_knows_of_it() -> None:
    stand = Stand()
    answer = await stand.chat()
    body = json_of(answer)
    headers = dict(answer.headers)
    assert answer.status == 200
    assert body["output_text"] == body["choices"][0]["message"]["content"] != ""
    assert body["correlation_id"].encode() == headers[b"x-correlation-id"]
    assert body["trace_id"].encode() == headers[b"x-trace-id"]
    assert (body["route"], body["provider"], body["citations"]) == ("default", "sandbox-small", [])
    usage = body["usage"]
    assert body["cost"]["nanousd"] == usage["prompt_tokens"] * 1_000 + usage["completion_tokens"] * 2_000
    assert headers[b"x-breakwater-target"] == b"sandbox-small/small"


async def test_a_call_is_told_in_events_that_are_on_disk_before_the_answer() -> None:
    stand = Stand()
    answer = await stand.chat(tags={"team": "red"}, user="ann")
    assert stand.emitter.types() == [
        "llm.request.started",
        "router.decision.made",
        "llm.attempt.completed",
        "llm.request.completed",
    ]
    assert stand.emitter.flushed == 4
    completed = stand.only(RequestCompleted)
    body = json_of(answer)
    assert completed.input_tokens == body["usage"]["prompt_tokens"]
    assert completed.cost_nanousd == body["cost"]["nanousd"]
    assert (completed.tags, completed.user, completed.attempts) == ({"team": "red"}, "ann", 1)
    assert 0 <= completed.overhead_ms <= completed.duration_ms
    contexts = {context for _, context in stand.emitter.events}
    assert len(contexts) == 1
    [context] = contexts
    assert (context.tenant_id, context.correlation_id) == ("tenant-1", body["correlation_id"])
    assert stand.only(DecisionMade).route_reason == "platform_default"


async def test_prompts_and_answers_are_in_events_only_where_the_tenant_stores_them() -> None:
    plain, storing = Stand(), Stand(tenant={"payloads": PayloadStorage.STORED})
    await plain.chat("a secret")
    await storing.chat("a secret")
    assert plain.only(RequestStarted).input is None
    assert plain.only(RequestCompleted).output is None
    assert storing.only(RequestStarted).input == [{"role": "user", "content": "a secret"}]
    assert storing.only(RequestCompleted).output["content"]


async def test_a_tenant_that_redacts_keeps_neither_personal_data_nor_credentials() -> None:
    stand = Stand(tenant={"payloads": PayloadStorage.REDACTED})
    await stand.chat("ann@example.org, password: hunter22")
    await read(await stand.chat("ann@example.org, password: hunter22", stream=True))
    started = [event for event, _ in stand.emitter.events if isinstance(event, RequestStarted)]
    assert [event.input for event in started] == [[{"role": "user", "content": "[EMAIL], password: [SECRET]"}]] * 2
    assert "ann@example.org" not in str(stand.emitter.events)


async def test_a_stream_ends_with_its_cost_and_one_completed_event() -> None:
    stand = Stand()
    answer = await stand.chat(stream=True)
    assert stand.emitter.types().count("llm.request.completed") == 0
    *chunks, done = sse_objects(await read(answer))
    assert done == "[DONE]"
    assert chunks[-1]["cost"]["nanousd"] > 0
    completed = stand.only(RequestCompleted)
    assert completed.stream
    assert completed.first_token_ms is not None
    assert completed.finish_reason == "stop"
    assert completed.output_tokens == chunks[-1]["usage"]["completion_tokens"]
    assert ends(stand) == ["llm.request.completed"]
    assert stand.emitter.flushed == len(stand.emitter.events)


async def test_a_failing_target_is_left_for_the_next_and_the_answer_does_not_show_it() -> None:
    stand = Stand(sandbox_target("bad", options={"failure_rate": 1}), sandbox_target("good"))
    answer = await stand.chat()
    assert json_of(answer)["provider"] == "sandbox-good"
    moved = stand.only(FallbackUsed)
    assert (moved.from_target, moved.to_target) == ("sandbox-bad/bad", "sandbox-good/good")
    completed = stand.only(RequestCompleted)
    assert completed.fallback_used
    assert completed.attempts >= 2


async def test_a_stream_that_fails_before_its_first_token_moves_to_the_next_target() -> None:
    stand = Stand(sandbox_target("bad", options={"failure_rate": 1, "failure": "reset"}), sandbox_target("good"))
    *chunks, done = sse_objects(await read(await stand.chat(stream=True)))
    assert done == "[DONE]"
    assert chunks[-1]["provider"] == "sandbox-good"


async def test_a_call_that_no_target_answers_fails_once_with_a_structured_error() -> None:
    stand = Stand(sandbox_target("bad", options={"failure_rate": 1}))
    answer = await stand.chat()
    error = json_of(answer)["error"]
    assert answer.status == 503
    assert (error["code"], error["retryable"]) == ("PROVIDER_UNAVAILABLE", True)
    failed = stand.only(RequestFailed)
    assert failed.error_code == "PROVIDER_UNAVAILABLE"
    assert failed.cost_nanousd == 0
    assert ends(stand) == ["llm.request.failed"]


async def test_a_stream_that_breaks_off_ends_in_an_error_event_and_is_billed_for_what_was_sent() -> None:
    stand = Stand(sandbox_target("half", options={"failure_rate": 1, "failure": "half_stream", "output_tokens": 50}))
    *_, last = sse_objects(await read(await stand.chat(stream=True)))
    assert last["error"]["code"] == "PROVIDER_UNAVAILABLE"
    failed = stand.only(RequestFailed)
    assert failed.usage_estimated
    assert failed.output_tokens > 0
    assert failed.cost_nanousd > 0
    assert ends(stand) == ["llm.request.failed"]


async def test_a_client_that_leaves_mid_stream_is_billed_and_the_provider_is_let_go() -> None:
    stand = Stand(sandbox_target(options={"token_interval_ms": 5, "output_tokens": 200}))
    answer = await stand.chat(stream=True)
    assert answer.stream is not None
    pieces = [await anext(answer.stream) for _ in range(3)]
    await answer.stream.aclose()
    assert all(pieces)
    failed = stand.only(RequestFailed)
    assert (failed.error_code, failed.http_status) == ("CLIENT_DISCONNECTED", 499)
    assert failed.output_tokens > 0
    assert stand.only(AttemptCancelled).reason == "client_disconnected"
    assert [target.in_flight for target in stand.engine.snapshot()] == [0]


async def test_a_cancelled_call_ends_once_as_disconnected() -> None:
    stand = Stand(sandbox_target(options={"latency_ms": 10_000}))
    task = asyncio.create_task(stand.chat())
    await asyncio.sleep(0.05)
    assert "router.decision.made" in stand.emitter.types()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stand.only(RequestFailed).error_code == "CLIENT_DISCONNECTED"
    assert ends(stand) == ["llm.request.failed"]


@pytest.mark.parametrize(
    ("request_fields", "status", "code"),
    [
        ({"key": ""}, 401, "INVALID_API_KEY"),
        ({"key": "wrong"}, 401, "INVALID_API_KEY"),
        ({"body": b"{"}, 400, "INVALID_REQUEST"),
        ({"body": {"messages": []}}, 400, "INVALID_REQUEST"),
        ({"body": {"messages": [{"role": "user", "content": "x"}], "model": "nope"}}, 404, "MODEL_NOT_FOUND"),
        ({"body": {"messages": [{"role": "user", "content": "x"}], "mode": "rag"}}, 400, "INVALID_REQUEST"),
    ],
)
async def test_a_request_that_never_becomes_a_call_has_the_right_status_and_shape(
    request_fields: dict[str, Any], status: int, code: str
) -> None:
    stand = Stand()
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    answer = await stand.send("/v1/chat/completions", **{"body": hello, **request_fields})
    error = json_of(answer)["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert set(error) >= {"code", "message", "type", "param", "retryable", "correlation_id"}
    assert "llm.request.started" not in stand.emitter.types()
    assert dict(answer.headers).get(b"www-authenticate") == (b"Bearer" if status == 401 else None)
    # A rejection is an event of its tenant; without a tenant there is nobody to tell.
    assert len(stand.emitter.payloads(RequestRejected)) == (0 if status == 401 else 1)


async def test_a_limit_refuses_with_retry_after_and_counts() -> None:
    stand = Stand(limits=(limit(1),))
    assert (await stand.chat()).status == 200
    answer = await stand.chat()
    headers = dict(answer.headers)
    assert answer.status == 429
    assert int(headers[b"retry-after"]) >= 1
    assert stand.only(RequestRejected).error_code == "RATE_LIMITED"


async def test_the_headers_of_an_answer_tell_the_tightest_limits_as_openai_does() -> None:
    stand = Stand(limits=(limit(10), limit(5, name="tight")))
    headers = dict((await stand.chat()).headers)
    assert headers[b"x-ratelimit-limit-requests"] == b"5"
    assert headers[b"x-ratelimit-remaining-requests"] == b"4"
    assert headers[b"x-ratelimit-reset-requests"].endswith(b"s")


async def test_the_callers_trace_goes_on() -> None:
    stand = Stand()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await stand.send(
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "Hello"}]},
        traceparent=f"00-{trace_id}-00f067aa0ba902b7-01",
    )
    assert json_of(answer)["trace_id"] == trace_id


async def test_a_request_budget_caps_the_answer() -> None:
    stand = Stand(sandbox_target(options={"output_tokens": 500}))
    body = json_of(await stand.chat(budget={"max_tokens": 7}))
    assert body["usage"]["completion_tokens"] == 7
    assert body["choices"][0]["finish_reason"] == "length"


async def test_a_cost_budget_is_kept() -> None:
    stand = Stand(sandbox_target(options={"output_tokens": 500}))
    body = json_of(await stand.chat(budget={"max_cost_usd": 0.0001}))
    assert body["cost"]["nanousd"] <= 100_000
    refused = await stand.chat(budget={"max_cost_usd": 0.0000001})
    assert (refused.status, json_of(refused)["error"]["code"]) == (402, "BUDGET_EXCEEDED")


async def test_what_no_target_can_honour_is_refused_by_name() -> None:
    stand = Stand(sandbox_target())
    answer = await stand.chat(logit_bias={"50256": -100})
    error = json_of(answer)["error"]
    assert (answer.status, error["code"]) == (400, "UNSUPPORTED_PARAMETER")
    assert "logit_bias" in error["message"]


async def test_embeddings_are_answered_in_openais_shape_with_their_cost() -> None:
    stand = Stand()
    answer = await stand.send("/v1/embeddings", {"model": "small", "input": ["a", "b"]})
    body = json_of(answer)
    assert [item["index"] for item in body["data"]] == [0, 1]
    assert body["cost"]["nanousd"] == body["usage"]["prompt_tokens"] * 1_000
    assert stand.only(RequestCompleted).operation == "embeddings"


async def test_messages_come_back_in_anthropics_shape() -> None:
    stand = Stand()
    request = {"model": "default", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    body = json_of(await stand.send("/v1/messages", request))
    assert (body["type"], body["role"], body["content"][0]["type"]) == ("message", "assistant", "text")
    assert body["cost"]["nanousd"] > 0
    events = sse_objects(await read(await stand.send("/v1/messages", {**request, "stream": True})))
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    refused = json_of(await stand.send("/v1/messages", {**request, "model": "nope"}))
    assert refused["type"] == "error"
    assert refused["error"]["code"] == "MODEL_NOT_FOUND"


async def test_generate_answers_a_prompt_whole_and_streamed() -> None:
    stand = Stand()
    whole = json_of(await stand.send("/v1/generate", {"prompt": "Hello", "user_id": "ann"}))
    events = sse_objects(await read(await stand.send("/v1/generate/stream", {"prompt": "Hello"})))
    assert events[-1]["output_text"] == "".join(event["text"] for event in events[:-1]) == whole["output_text"]


async def test_models_are_those_the_key_may_name() -> None:
    stand = Stand(sandbox_target("small"), sandbox_target("large"), key={"allowed_models": frozenset({"small"})})
    listed = json_of(await stand.send("/v1/models", b"", method="GET"))
    names = {model["id"] for model in listed["data"]}
    assert "small" in names
    assert "large" not in names
    assert json_of(await stand.send("/v1/models/small", b"", method="GET"))["id"] == "small"
    missing = await stand.send("/v1/models/large", b"", method="GET")
    assert (missing.status, json_of(missing)["error"]["code"]) == (404, "MODEL_NOT_FOUND")


@pytest.mark.parametrize("name", ["req_" + "0" * 32, "nonsense", "req_../../etc"])
async def test_a_run_that_is_not_there_is_a_404(name: str) -> None:
    answer = await Stand().send(f"/v1/runs/{name}", b"", method="GET")
    assert (answer.status, json_of(answer)["error"]["code"]) == (404, "RUN_NOT_FOUND")


async def test_a_bug_of_ours_is_a_500_without_its_story() -> None:
    class Broken:
        async def send(self, request: Any) -> Any:
            raise KeyError("the secret inside")

        async def open(self, request: Any) -> Any:
            raise KeyError("the secret inside")

        async def aclose(self) -> None:
            return None

    stand = Stand(upstream=Broken())
    answer = await stand.chat()
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert ends(stand) == ["llm.request.failed"]


async def test_the_error_of_the_last_target_is_told_when_all_have_failed() -> None:
    stand = Stand(
        sandbox_target("one", options={"failure_rate": 1, "failure_status": 500}),
        sandbox_target("two", options={"failure_rate": 1, "failure_status": 429, "retry_after_s": 7}),
        route={"retry": RetrySpec(max_attempts=2, per_target=1, base_ms=1, cap_ms=2)},
    )
    answer = await stand.chat()
    assert (answer.status, json_of(answer)["error"]["code"]) == (429, "PROVIDER_RATE_LIMITED")
    assert dict(answer.headers)[b"retry-after"] == b"7"
    assert ProviderUnavailable.code != "PROVIDER_RATE_LIMITED"
