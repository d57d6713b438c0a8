"""What the dialects change in a request, and how their errors are told apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts import errors
from contracts.chat import JsonObject, Usage
from contracts.specs import Capability, ModelSpec
from routing.providers.openai_dialects import DIALECTS
from routing.providers.openai_response import OpenAIStreamParser, usage_of
from routing.providers.registry import adapter_for
from tests.routing.providers.wires import chat_request, embedding_request, target_of


def sent(kind: str, request: Any, **changes: Any) -> JsonObject:
    target = target_of(kind, **changes)
    return msgspec.json.decode(adapter_for(kind).build_chat(request, target).body)


def classified(status: int, body: Any, **headers: str) -> errors.ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return adapter_for("openai").classify_error(status, named, msgspec.json.encode(body))


def openai_error(code: str | None = None, kind: str = "invalid_request_error", message: str = "No.") -> JsonObject:
    return {"error": {"message": message, "type": kind, "param": "messages", "code": code}}


def test_unknown_fields_pass_through():
    body = sent("openai", chat_request(service_tier="flex", brand_new={"a": [1]}))
    assert (body["service_tier"], body["brand_new"]) == ("flex", {"a": [1]})


def test_the_model_is_the_targets_own_name():
    assert sent("openai", chat_request(model="my-route"))["model"] == "gpt-4o"


def test_usage_is_always_asked_for_on_a_stream():
    assert sent("openai", chat_request(stream=True))["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    assert sent("openai", chat_request(stream=True, stream_options=options))["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }


def test_usage_is_not_asked_for_where_that_is_refused():
    mistral = next(dialect for dialect in DIALECTS if dialect.kind == "mistral")
    assert not mistral.asks_for_usage
    body = sent("openai", chat_request(stream=True), options={"include_usage": False})
    assert "stream_options" not in body


def test_a_reasoning_model_gets_the_cap_it_accepts():
    target = msgspec.structs.replace(
        target_of("openai"),
        model=ModelSpec(id="m", name="o3", wire_name="o3", capabilities=frozenset({Capability.REASONING})),
    )
    body = msgspec.json.decode(adapter_for("openai").build_chat(chat_request(max_tokens=9), target).body)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("mistral", {}, "max_tokens"),
        ("openai_compatible", {}, "max_tokens"),
        ("vllm", {}, "max_completion_tokens"),
        ("openai_compatible", {"max_tokens_field": "max_completion_tokens"}, "max_completion_tokens"),
    ],
)
def test_the_cap_goes_under_the_name_the_server_reads(kind, options, field):
    body = sent(kind, chat_request(max_completion_tokens=7), options=options)
    assert {name: body[name] for name in body if name.startswith("max_")} == {field: 7}


def test_developer_messages_are_system_messages_where_the_role_is_unknown():
    messages = [{"role": "developer", "content": "Be brief"}, {"role": "user", "content": "Hi"}]
    assert sent("openai", chat_request(messages=messages))["messages"] == messages
    assert sent("groq", chat_request(messages=messages))["messages"][0]["role"] == "system"


def test_mistral_reads_the_seed_under_its_own_name():
    body = sent("mistral", chat_request(seed=5))
    assert body["random_seed"] == 5
    assert "seed" not in body


def test_what_other_providers_left_on_a_message_is_not_sent_to_a_strict_server():
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "x"}},
    }
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Hm", "extra_content": {}},
        {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
    ]
    clean = sent("openai", chat_request(messages=messages))["messages"]
    assert clean[0]["content"] == [{"type": "text", "text": "Hi"}]
    assert clean[1].keys() == {"role", "content", "tool_calls"}
    assert clean[1]["tool_calls"][0].keys() == {"id", "type", "function"}
    assert sent("openai_compatible", chat_request(messages=messages))["messages"] == messages


def test_an_operator_can_name_fields_that_a_server_lacks():
    target = target_of("openai_compatible", options={"unsupported": ["logit_bias"]})
    request = chat_request(logit_bias={"1": 2})
    assert adapter_for("openai_compatible").unsupported_params(request, target) == ["logit_bias"]


def test_groq_refuses_names_of_messages():
    request = chat_request(messages=[{"role": "user", "content": "Hi", "name": "ann"}])
    adapter = adapter_for("groq")
    assert adapter.unsupported_params(request, target_of("groq")) == ["messages[0].name"]
    dropping = target_of("groq", drop_params=frozenset({"messages.name"}))
    assert adapter.unsupported_params(request, dropping) == []
    assert b"ann" not in adapter.build_chat(request, dropping).body


def test_azure_is_addressed_by_deployment_and_version():
    built = adapter_for("azure").build_chat(chat_request(), target_of("azure"))
    assert built.url == "http://upstream.test/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert dict(built.headers)["api-key"]
    assert "authorization" not in dict(built.headers)


def test_token_arrays_can_be_embedded():
    built = adapter_for("openai").build_embeddings(embedding_request([[1, 2]], tags=["a"]), target_of("openai"))
    assert msgspec.json.decode(built.body) == {"input": [[1, 2]], "model": "gpt-4o"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, openai_error("rate_limit_exceeded", "tokens"), errors.ProviderRateLimited),
        (429, openai_error("insufficient_quota", "insufficient_quota"), errors.ProviderQuotaExhausted),
        (400, openai_error("context_length_exceeded"), errors.ProviderContextTooLong),
        (400, openai_error(None, message="This model's maximum context length is 8192"), errors.ProviderContextTooLong),
        (400, openai_error("content_filter", ""), errors.ProviderContentFiltered),
        (
            400,
            {"error": {"message": "x", "code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            errors.ProviderContentFiltered,
        ),
        (404, openai_error("model_not_found"), errors.ProviderModelNotFound),
        (
            400,
            {"object": "error", "message": "Invalid model: x", "type": "invalid_model"},
            errors.ProviderModelNotFound,
        ),
        (422, {"detail": [{"loc": ["body"], "msg": "extra"}]}, errors.ProviderRejected),
        (401, openai_error("invalid_api_key"), errors.ProviderAuthFailed),
        (500, {"error": "model runner has stopped"}, errors.ProviderUnavailable),
        (503, openai_error(None, "overloaded_error"), errors.ProviderUnavailable),
        (504, {}, errors.ProviderTimeout),
        (413, openai_error("rate_limit_exceeded", "tokens"), errors.ProviderRateLimited),
        (302, {}, errors.ProviderBadResponse),
    ],
)
def test_errors_are_told_apart_by_code_before_status(status, body, kind):
    error = classified(status, body)
    assert type(error) is kind
    assert error.upstream_status == status


def test_an_exhausted_account_is_not_worth_a_retry():
    error = classified(429, openai_error("insufficient_quota"))
    assert not error.retryable
    assert error.failover


def test_a_rate_limit_takes_its_reset_from_openais_headers():
    headers = {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}
    assert classified(429, openai_error("rate_limit_exceeded"), **headers).retry_after_s == 360.0


def test_a_rejection_names_the_field_and_quotes_the_provider():
    error = classified(400, openai_error(None, message="Bad tool."))
    assert (error.param, error.message) == ("messages", "OpenAI: Bad tool.")


def test_an_error_inside_a_stream_is_raised():
    parser = OpenAIStreamParser("vLLM")
    with pytest.raises(errors.ProviderRateLimited):
        parser.feed(b'data: {"error": {"message": "slow down", "type": "rate_limit_error", "code": 429}}\n\n')


def test_a_stream_without_its_done_mark_is_whole_after_the_finish_reason():
    parser = OpenAIStreamParser("x")
    parser.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}]}\n\n')
    with pytest.raises(errors.ProviderBadResponse):
        parser.close()
    parser.feed(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n')
    assert parser.close() == []


def test_each_of_several_choices_has_to_end():
    parser = OpenAIStreamParser("x")
    for index in (0, 1):
        parser.feed(b'data: {"choices": [{"index": %d, "delta": {"content": "a"}}]}\n\n' % index)
    parser.feed(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n')
    with pytest.raises(errors.ProviderBadResponse):
        parser.close()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1, "image_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3, "image_tokens": 1},
            },
            Usage(
                10,
                5,
                cached_input_tokens=4,
                reasoning_tokens=3,
                audio_input_tokens=1,
                image_input_tokens=2,
                image_output_tokens=1,
            ),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, Usage(10, 5)),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 8}, Usage(10, 0, cached_input_tokens=8)),
        ({}, None),
        (None, None),
        ({"prompt_tokens": "ten"}, None),
    ],
)
def test_usage_is_read_from_every_shape_in_use(usage, expected):
    assert usage_of({"usage": usage}) == expected


def test_groqs_own_place_for_usage_is_read():
    assert usage_of({"x_groq": {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}}) == Usage(2, 1)


@pytest.mark.parametrize(
    "event",
    [
        b'{"choices": 5}',
        b'{"choices": [5]}',
        b'{"choices": [{"delta": "text"}]}',
        b'{"choices": [{"index": "0", "delta": {}}]}',
        b"[1]",
        b'{"id": "x"}',
    ],
)
def test_a_malformed_chunk_is_the_providers_error(event):
    with pytest.raises(errors.ProviderBadResponse):
        OpenAIStreamParser("x").feed(b"data: " + event + b"\n\n")


def test_objects_that_are_no_chunks_are_passed_over():
    parser = OpenAIStreamParser("x")
    assert parser.feed(b'data: {"object": "prompt.progress", "progress": 0.5}\n\n') == []


def test_usage_may_come_in_a_chunk_without_choices():
    chunks = OpenAIStreamParser("x").feed(b'data: {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}\n\n')
    assert chunks[0].usage == Usage(2, 1)
    assert chunks[0].body["choices"] == []


def test_what_follows_the_done_mark_is_ignored():
    parser = OpenAIStreamParser("x")
    assert parser.feed(b"data: [DONE]\n\ndata: garbage\n\n") == []
    assert parser.close() == []


@pytest.mark.parametrize(
    "body", [b'{"choices": [{"message": "text"}]}', b'{"choices": []}', b'{"error": "overloaded"}']
)
def test_an_answer_without_a_message_is_the_providers_error(body):
    with pytest.raises(errors.ProviderError):
        adapter_for("openai").parse_chat(body, chat_request(), target_of("openai"))


def test_an_answer_without_embeddings_is_the_providers_error():
    with pytest.raises(errors.ProviderBadResponse):
        adapter_for("openai").parse_embeddings(b'{"data": [{}]}', embedding_request("x"), target_of("openai"))


def test_organization_project_and_the_providers_own_headers_are_sent():
    target = target_of("openai", options={"organization": "org-1", "project": "proj-1"})
    target = msgspec.structs.replace(
        target, provider=msgspec.structs.replace(target.provider, headers=(("x-team", "blue"),))
    )
    headers = dict(adapter_for("openai").build_chat(chat_request(), target).headers)
    assert (headers["openai-organization"], headers["openai-project"], headers["x-team"]) == ("org-1", "proj-1", "blue")


def test_without_a_key_no_authorization_is_sent():
    target = target_of("vllm")
    target = msgspec.structs.replace(target, provider=msgspec.structs.replace(target.provider, credential=None))
    assert "authorization" not in dict(adapter_for("vllm").build_chat(chat_request(), target).headers)
