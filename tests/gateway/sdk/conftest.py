"""A gateway on a real socket in front of each provider's emulator: what the official clients are pointed at."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.clock import SystemClock
from contracts.specs import ModelSpec, ProviderSpec, RetrySpec, Secret, TargetSpec
from gateway.lane import Lane
from gateway.runtime import GatewayRuntime
from routing.engine.http.client import AsyncioUpstream
from routing.engine.upstream import SchemeUpstream
from routing.providers.sandbox_transport import SandboxUpstream
from tests.gateway.stand import ALL, PRICE, Stand
from tests.served import served as served_at
from tests.upstreams.anthropic import AnthropicUpstream
from tests.upstreams.cohere import CohereUpstream
from tests.upstreams.gemini import GeminiUpstream
from tests.upstreams.openai import OpenAIUpstream
from tests.upstreams.server import UpstreamServer

PROVIDER_KEY = "provider-secret"

KINDS: dict[str, tuple[str, str, str]] = {
    # kind: (path of the API below the server, chat model, embedding model)
    "openai": ("/v1", "gpt-4o", "text-embedding-3-small"),
    "anthropic": ("", "claude-haiku-4-5", ""),
    "gemini": ("", "gemini-2.5-flash", "gemini-embedding-001"),
    "cohere": ("", "command-a-03-2025", "embed-v4.0"),
    "sandbox": ("", "sandbox-small", "sandbox-embed"),
}
EMBEDDERS = [kind for kind, (_, _, model) in KINDS.items() if model]
REMOTE = [kind for kind in KINDS if kind != "sandbox"]


def emulator_of(kind: str) -> Any:
    """The provider's emulator; none for the sandbox, which needs no server."""
    return {
        "openai": lambda: OpenAIUpstream(key=PROVIDER_KEY),
        "anthropic": lambda: AnthropicUpstream(api_key=PROVIDER_KEY),
        "gemini": lambda: GeminiUpstream(api_key=PROVIDER_KEY),
        "cohere": lambda: CohereUpstream(key=PROVIDER_KEY),
    }[kind]()


@dataclass
class Served:
    """A gateway's address, the stand behind it, and the provider's server."""

    kind: str
    url: str
    stand: Stand
    upstream: UpstreamServer | None

    @property
    def server(self) -> UpstreamServer:
        """The provider's server, to be made to misbehave."""
        assert self.upstream is not None
        return self.upstream

    @property
    def chat_model(self) -> str:
        return KINDS[self.kind][1]

    @property
    def embedding_model(self) -> str:
        return KINDS[self.kind][2]


def target_of(kind: str, model: str, base_url: str, *, timeout_ms: int) -> TargetSpec:
    return TargetSpec(
        id=f"target-{kind}-{model}",
        provider=ProviderSpec(
            id=f"provider-{kind}",
            name=kind,
            kind=kind,
            base_url=base_url,
            credential=Secret(PROVIDER_KEY) if kind != "sandbox" else None,
            timeout_ms=timeout_ms,
            first_token_timeout_ms=timeout_ms,
        ),
        model=ModelSpec(id=f"model-{model}", name=model, wire_name=model, capabilities=ALL, price=PRICE),
    )


async def nothing_behind(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError(f"the application behind the lane was asked for {scope}")


@contextlib.asynccontextmanager
async def serving(
    stand: Stand | GatewayRuntime,
    *,
    max_body_bytes: int = 5_000_000,
    body_timeout_s: float = 5.0,
    behind: Any = nothing_behind,
) -> AsyncIterator[str]:
    """The lane of what has endpoints on a real HTTP server; its base URL."""
    lane = Lane(
        behind,
        lambda: stand.endpoints,
        clock=SystemClock(),
        max_body_bytes=max_body_bytes,
        body_timeout_s=body_timeout_s,
    )
    async with served_at(lane) as port:
        yield f"http://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def serving_kind(kind: str, *, timeout_ms: int = 2_000) -> AsyncIterator[Served]:
    """A gateway whose default route leads to one provider of this kind, which may take so long."""
    path, chat_model, embedding_model = KINDS[kind]
    async with contextlib.AsyncExitStack() as stack:
        upstream = None
        base_url = "sandbox://"
        if kind != "sandbox":
            upstream = await stack.enter_async_context(UpstreamServer(emulator_of(kind)))
            base_url = upstream.url.rstrip("/") + path
        client = SchemeUpstream(AsyncioUpstream(), sandbox=SandboxUpstream())
        stack.push_async_callback(client.aclose)
        models = (chat_model, embedding_model)
        targets = [target_of(kind, model, base_url, timeout_ms=timeout_ms) for model in models if model]
        stand = Stand(
            *targets,
            upstream=client,
            route={"retry": RetrySpec(max_attempts=2, base_ms=1, cap_ms=2), "total_timeout_ms": 5_000},
        )
        url = await stack.enter_async_context(serving(stand))
        yield Served(kind, url, stand, upstream)


@pytest.fixture(params=list(KINDS))
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Once for every provider kind."""
    async with serving_kind(request.param) as found:
        yield found


@pytest.fixture(params=EMBEDDERS)
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Once for every provider kind that embeds."""
    async with serving_kind(request.param) as found:
        yield found


@pytest.fixture(params=REMOTE)
async def remote(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Once for every provider kind that has a server, which can misbehave."""
    async with serving_kind(request.param) as found:
        yield found


@pytest.fixture(params=REMOTE)
async def impatient(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The same, behind a gateway that soon gives up."""
    async with serving_kind(request.param, timeout_ms=200) as found:
        yield found
