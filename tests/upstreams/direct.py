"""An adapter's request handed straight to an emulator, without a socket: for tests of the pure transforms."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from contracts.chat import ChatChunk, ChatRequest, ChatResult, JsonObject
from contracts.ports import UpstreamRequest
from contracts.specs import ModelSpec, ProviderSpec, Secret, TargetSpec
from gateway.formats.chat_request import chat_request
from routing.providers.base import Adapter
from tests.upstreams.server import Emulator, Reply, SeenRequest


def target_of(kind: str, model: str, **provider_fields: object) -> TargetSpec:
    """A target at a provider of this kind, with the key ``sk-test``."""
    fields: dict[str, object] = {"base_url": "http://upstream.test", "credential": Secret("sk-test"), **provider_fields}
    provider = ProviderSpec(id="p", name=kind, kind=kind, **fields)  # type: ignore[arg-type]
    return TargetSpec(id="t", provider=provider, model=ModelSpec(id="m", name=model, wire_name=model))


def seen(request: UpstreamRequest) -> SeenRequest:
    """What a server would see of a request."""
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers}
    return SeenRequest(request.method, url.path, dict(parse_qsl(url.query)), headers, request.body)


def ask(adapter: Adapter, emulator: Emulator, target: TargetSpec, body: JsonObject) -> ChatResult:
    """A whole answer.

    Raises:
        ProviderError: what the emulator's error is classified as.
    """
    request = _checked(adapter, target, body)
    reply = _reply(adapter, emulator, target, request)
    return adapter.parse_chat(b"".join(reply.pieces), request, target)


def ask_streamed(
    adapter: Adapter, emulator: Emulator, target: TargetSpec, body: JsonObject, *, cut: int | None = None
) -> list[ChatChunk]:
    """The chunks of a streamed answer, its bytes fed in pieces of ``cut`` bytes.

    Raises:
        ProviderError: what the emulator's error is classified as.
    """
    request = _checked(adapter, target, {**body, "stream": True})
    pieces = _reply(adapter, emulator, target, request).pieces
    if cut is not None:
        whole = b"".join(pieces)
        pieces = [whole[start : start + cut] for start in range(0, len(whole), cut)]
    parser = adapter.open_chat_stream(request, target)
    chunks = [chunk for piece in pieces for chunk in parser.feed(piece)]
    return chunks + parser.close()


def _checked(adapter: Adapter, target: TargetSpec, body: JsonObject) -> ChatRequest:
    request = chat_request(body)
    assert adapter.unsupported_params(request, target) == []
    return request


def _reply(adapter: Adapter, emulator: Emulator, target: TargetSpec, request: ChatRequest) -> Reply:
    reply = emulator.handle(seen(adapter.build_chat(request, target)))
    if reply.status != 200:
        raise adapter.classify_error(reply.status, reply.headers, b"".join(reply.pieces))
    return reply
