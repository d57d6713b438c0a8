"""Each provider kind with something that answers it in its own wire format, without sockets."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from contracts.errors import ProviderError
from contracts.ports import UpstreamRequest
from contracts.specs import Capability, ModelSpec, ProviderSpec, Secret, TargetSpec
from routing.providers.base import Adapter
from routing.providers.registry import adapter_for
from routing.providers.sandbox_transport import SandboxUpstream
from tests.upstreams.direct import seen
from tests.upstreams.server import Emulator, Reply

KEY = "key-that-must-not-leak"
_OPENAI = ("tests.upstreams.openai", "OpenAIUpstream", "http://upstream.test/v1")
EMULATORS: dict[str, tuple[str, str, str]] = {
    "openai": _OPENAI,
    "vllm": _OPENAI,
    "ollama": _OPENAI,
    "mistral": _OPENAI,
    "groq": _OPENAI,
    "openai_compatible": _OPENAI,
    "azure": ("tests.upstreams.openai", "OpenAIUpstream", "http://upstream.test"),
    "cohere": ("tests.upstreams.cohere", "CohereUpstream", "http://upstream.test"),
    "anthropic": ("tests.upstreams.anthropic", "AnthropicUpstream", "http://upstream.test"),
    "gemini": ("tests.upstreams.gemini", "GeminiUpstream", "http://upstream.test"),
    "sandbox": ("", "", "sandbox://local"),
}
"""By kind: the module and class that stand in for it, and the base URL."""

OPTIONS: dict[str, dict[str, Any]] = {
    "azure": {"api_version": "2024-10-21"},
    # The real Mistral sends usage unasked; the stand-in is OpenAI's.
    "mistral": {"include_usage": True},
}
MODELS = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash", "cohere": "command-a-03-2025"}
EVERYTHING = frozenset(Capability)


def chat_request(text: Any = "Hello", **fields: Any) -> ChatRequest:
    """A request as an ingress makes it; ``text`` is a user message unless ``messages`` are given."""
    body = {"messages": [{"role": "user", "content": text}], **fields}
    request = msgspec.convert(body, ChatRequest)
    request.body = body
    return request


def embedding_request(given: Any, **fields: Any) -> EmbeddingRequest:
    body = {"input": given, **fields}
    request = msgspec.convert(body, EmbeddingRequest)
    request.body = body
    return request


def target_of(kind: str, **changes: Any) -> TargetSpec:
    provider = ProviderSpec(
        id="provider",
        name="upstream",
        kind=kind,
        base_url=EMULATORS.get(kind, ("", "", "http://upstream.test"))[2],
        credential=Secret(KEY),
        options={**OPTIONS.get(kind, {}), **changes.pop("options", {})},
    )
    model = ModelSpec(id="model", name="model", wire_name=MODELS.get(kind, "gpt-4o"), capabilities=EVERYTHING)
    return TargetSpec(id="target", provider=provider, model=model, **changes)


class Wire:
    """One adapter and what answers it."""

    def __init__(self, kind: str, **changes: Any) -> None:
        self.adapter: Adapter = adapter_for(kind)
        self.target = target_of(kind, **changes)
        module, name, _ = EMULATORS[kind]
        self.emulator: Emulator | None = getattr(importlib.import_module(module), name)() if module else None

    def answer(self, request: UpstreamRequest) -> Reply:
        if self.emulator is not None:
            return self.emulator.handle(seen(request))
        response = asyncio.run(SandboxUpstream().send(request))
        return Reply([response.body], response.status, dict(response.headers))

    def chat(self, request: ChatRequest) -> ChatResult:
        assert self.adapter.unsupported_params(request, self.target) == []
        reply = self.answer(self.adapter.build_chat(request, self.target))
        self._raise_for(reply)
        return self.adapter.parse_chat(b"".join(reply.pieces), request, self.target)

    def stream_bytes(self, request: ChatRequest) -> list[bytes]:
        """The pieces of a streamed answer."""
        assert self.adapter.unsupported_params(request, self.target) == []
        sent = self.adapter.build_chat(request, self.target)
        if self.emulator is None:
            return asyncio.run(_sandbox_pieces(sent))
        reply = self.emulator.handle(seen(sent))
        self._raise_for(reply)
        return reply.pieces

    def chunks(self, request: ChatRequest, pieces: list[bytes]) -> list[ChatChunk]:
        """What the adapter makes of the pieces; the time of day is taken out."""
        parser = self.adapter.open_chat_stream(request, self.target)
        found = [chunk for piece in pieces for chunk in parser.feed(piece)] + parser.close()
        for chunk in found:
            chunk.body["created"] = 0
        return found

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        reply = self.answer(self.adapter.build_embeddings(request, self.target))
        self._raise_for(reply)
        return self.adapter.parse_embeddings(b"".join(reply.pieces), request, self.target)

    def error(self, status: int, message: str = "It went wrong.", **headers: str) -> ProviderError:
        """How the adapter reads the emulator's own error of this status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.emulator is None:
            body = msgspec.json.encode({"error": {"message": message, "type": "error", "code": None}})
            return self.adapter.classify_error(status, named, body)
        reply = self.emulator.error(status, message)
        return self.adapter.classify_error(status, {**reply.headers, **named}, b"".join(reply.pieces))

    def _raise_for(self, reply: Reply) -> None:
        assert reply.status == 200, (reply.status, b"".join(reply.pieces))


async def _sandbox_pieces(request: UpstreamRequest) -> list[bytes]:
    async with await SandboxUpstream().open(request) as stream:
        return [piece async for piece in stream]
