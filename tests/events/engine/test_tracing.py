from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from contracts.chat import Usage
from contracts.specs import ModelSpec, ProviderSpec, TargetSpec
from events.engine.tracing import CallTrace, CallTracer, parse_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def test_a_valid_traceparent_names_the_callers_span():
    parent = parse_traceparent(f"00-{TRACE}-{SPAN}-01")
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.sampled) == (TRACE, SPAN, True)


def test_a_later_version_may_have_more_fields():
    parent = parse_traceparent(f"cc-{TRACE}-{SPAN}-00-what-the-future-holds")
    assert parent is not None
    assert not parent.sampled


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.more",
    ],
)
def test_an_invalid_traceparent_is_as_none_at_all(header: str | None):
    assert parse_traceparent(header) is None


@given(st.text())
def test_no_header_makes_the_parser_fail(header: str):
    parse_traceparent(header)


def _target() -> TargetSpec:
    provider = ProviderSpec(id="p", name="primary", kind="anthropic", base_url="https://api.example.com/v1")
    return TargetSpec(id="t", provider=provider, model=ModelSpec(id="m", name="claude", wire_name="claude-1"))


def _attempt(**fields):
    given = {"number": 1, "target": _target(), "duration_ms": 5.0, "queue_ms": 0.0, "first_token_ms": None}
    rest = {"hedge": False, "error_code": None, "upstream_status": 200, "started_at_ns": 2_000, "span_id": "c" * 16}
    return SimpleNamespace(**{**given, **rest, **fields})


def _recorded(**fields) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    tracer = CallTracer(SimpleSpanProcessor(exporter), service_name="breakwater", env="test")
    call = {"trace_id": TRACE, "span_id": SPAN, "started_at_ns": 1_000, "duration_ms": 10.0, "operation": "chat"}
    tracer.record(CallTrace(**{**call, **fields}))
    return {span.kind.name + span.name: span for span in exporter.get_finished_spans()}


def test_a_call_becomes_a_server_span_with_the_callers_span_as_parent():
    spans = _recorded(
        parent_span_id="b" * 16, request_model="fast", response_model="gpt", usage=Usage(10, 5), finish_reason="stop"
    )
    span = spans["SERVERchat fast"]
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == "b" * 16
    assert span.end_time == 1_000 + 10_000_000
    assert span.attributes is not None
    assert span.attributes["gen_ai.usage.input_tokens"] == 10
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",) or span.attributes[
        "gen_ai.response.finish_reasons"
    ] == ["stop"]
    assert span.status.status_code is StatusCode.UNSET


def test_each_attempt_becomes_a_client_span_below_the_call():
    spans = _recorded(request_model="fast", attempts=[_attempt(error_code="PROVIDER_TIMEOUT", upstream_status=None)])
    span = spans["CLIENTchat claude-1"]
    assert span.kind is SpanKind.CLIENT
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.attributes is not None
    assert span.attributes["gen_ai.provider.name"] == "anthropic"
    assert span.attributes["server.address"] == "api.example.com"
    assert span.attributes["error.type"] == "PROVIDER_TIMEOUT"
    assert "http.response.status_code" not in span.attributes
    assert span.status.status_code is StatusCode.ERROR


def test_without_an_endpoint_nothing_is_traced():
    tracer = CallTracer.to_endpoint("", service_name="breakwater", env="test")
    assert not tracer.enabled
    tracer.close()


def test_a_broken_trace_never_reaches_the_caller(caplog: pytest.LogCaptureFixture):
    assert _recorded(attempts=[_attempt(target=None)]) == {}
    assert "could not be recorded" in caplog.text
