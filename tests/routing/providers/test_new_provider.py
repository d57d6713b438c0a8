"""A new provider is one new file: the example in docs/PROVIDERS.md is put into the package and serves a call."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import routing.providers
from contracts import errors
from contracts.specs import TargetSpec
from routing.engine.http.client import AsyncioUpstream
from routing.providers.base import Adapter
from routing.providers.registry import adapter_for, adapters
from tests.routing.providers.test_conformance import FIELDS
from tests.routing.providers.wires import chat_request, target_of
from tests.upstreams.server import RateLimited, Reply, SeenRequest, UpstreamServer

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLE = DOCS / "examples" / "tgi.py"


class TgiUpstream:
    """Text Generation Inference's two text endpoints."""

    def handle(self, request: SeenRequest) -> Reply:
        asked = request.json()
        words = asked["inputs"].splitlines()[-2].partition(": ")[2].split(" ")
        details = {"finish_reason": "eos_token", "generated_tokens": len(words), "seed": None}
        if request.path == "/generate":
            prefill = [{"id": 1, "text": "x", "logprob": None}] * 3
            details |= {"prefill": prefill, "tokens": []}
            return Reply.json({"generated_text": " ".join(words), "details": details})
        events = []
        for index, word in enumerate(words):
            last = index == len(words) - 1
            token = {"id": index, "text": word if last else f"{word} ", "logprob": -0.1, "special": False}
            ending = {"generated_text": " ".join(words), "details": {**details, "input_length": 3}} if last else {}
            event = {"index": index, "token": token, "generated_text": None, "details": None, **ending}
            events.append(b"data:" + msgspec.json.encode(event) + b"\n\n")
        return Reply.events(events)

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"error": message, "error_type": "overloaded"}, status)


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    """The example's adapter, found by the registry."""
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.setattr(routing.providers, "__path__", [*routing.providers.__path__, str(tmp_path)])
    adapters.cache_clear()
    yield adapter_for("tgi")
    adapters.cache_clear()
    sys.modules.pop("routing.providers.tgi", None)


@pytest.fixture
async def server():
    async with UpstreamServer(TgiUpstream()) as started:
        yield started


@pytest.fixture
async def upstream():
    client = AsyncioUpstream()
    yield client
    await client.aclose()


def target_at(server: UpstreamServer) -> TargetSpec:
    target = target_of("tgi")
    return msgspec.structs.replace(target, provider=msgspec.structs.replace(target.provider, base_url=server.url))


def test_the_example_stands_in_the_documentation():
    assert EXAMPLE.read_text(encoding="utf-8") in (DOCS / "PROVIDERS.md").read_text(encoding="utf-8")


async def test_the_dropped_in_adapter_serves_a_call(adapter, server, upstream):
    request, target = chat_request("one two three", temperature=0.5, max_tokens=9), target_at(server)
    response = await upstream.send(adapter.build_chat(request, target))
    result = adapter.parse_chat(response.body, request, target)
    assert (result.text, result.finish_reason) == ("one two three", "stop")
    assert result.usage is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3, 3)
    assert server.requests[0].json()["parameters"]["max_new_tokens"] == 9


async def test_the_dropped_in_adapter_streams(adapter, server, upstream):
    request, target = chat_request("one two three", stream=True), target_at(server)
    parser = adapter.open_chat_stream(request, target)
    async with await upstream.open(adapter.build_chat(request, target)) as stream:
        chunks = [chunk async for piece in stream for chunk in parser.feed(piece)] + parser.close()
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.body["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "one two three"
    assert chunks[-1].usage is not None


async def test_the_dropped_in_adapter_classifies_errors(adapter, server, upstream):
    server.fail(RateLimited(retry_after="2"))
    response = await upstream.send(adapter.build_chat(chat_request(), target_at(server)))
    error = adapter.classify_error(response.status, response.headers, response.body)
    assert isinstance(error, errors.ProviderRateLimited)
    assert error.retry_after_s == 2.0


@pytest.mark.parametrize(
    "field", sorted(FIELDS.keys() - {"tool_choice", "parallel_tool_calls"})
)  # say nothing without tools
def test_the_dropped_in_adapter_drops_nothing_in_silence(adapter, field):
    target = target_of("tgi")
    asking = chat_request(**{field: FIELDS[field]})
    sent = [adapter.build_chat(request, target).body for request in (asking, chat_request())]
    assert adapter.unsupported_params(asking, target) == [field] or sent[0] != sent[1]
