"""One small call to a model, through the adapter and the client that real calls use: does the provider answer?

It goes past routes, limits, budgets and breakers, and is told as ``provider.test.completed``.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils import timezone

from contracts.chat import ChatRequest, EmbeddingRequest, Usage
from contracts.errors import GatewayError, ProviderTimeout
from contracts.events import EventContext, ProviderTested
from contracts.ports import UpstreamRequest
from contracts.specs import Capability, Secret, TargetSpec
from routing.compile import Compiler
from routing.engine.cost import cost_nanousd
from routing.engine.http.client import AsyncioUpstream
from routing.engine.scrub import HIDDEN, scrub, scrubbed
from routing.engine.upstream import SchemeUpstream
from routing.models import Model
from routing.providers.registry import adapter_for
from routing.providers.sandbox_transport import SandboxUpstream
from tenants.actor import current_actor
from tenants.emitting import emit
from tenants.secrets.checking import Check, check_reference

PATIENCE_S = 20.0
"""Whoever pressed the button waits no longer, whatever the provider's own timeout."""
PROMPT = "Reply with the single word: ready"
_OUTPUT_TOKENS = 16
_THINKING_TOKENS = 256
"""A model that reasons says nothing in fewer."""
_LONGEST_ANSWER = 600

HINTS = {
    "PROVIDER_AUTH_FAILED": "The provider refuses the credential. Check the secret reference, or replace the secret.",
    "PROVIDER_QUOTA_EXHAUSTED": "The account at the provider has no credit left. Top it up there.",
    "PROVIDER_MODEL_NOT_FOUND": "The provider has no model of this name. Correct the model's wire name.",
    "PROVIDER_RATE_LIMITED": "The provider limits this account at the moment. Try again shortly.",
    "PROVIDER_TIMEOUT": "Nothing came in time. Check the address, and whether the provider is slow right now.",
    "PROVIDER_UNAVAILABLE": "Nobody answers there. Check the base address, and that this machine may reach it.",
    "PROVIDER_BAD_RESPONSE": "Something answers that does not speak this format. Check the kind and the base address.",
    "PROVIDER_REJECTED_REQUEST": "The provider refuses the request itself. Check the kind, the model and its options.",
}
"""What to do about each kind of failure."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What was sent, with the credential taken out."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: Any


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one call. Durations in ms, money in nano-USD."""

    label: str
    answered: bool
    duration_ms: float
    status: int | None = None
    text: str = ""
    usage: Usage | None = None
    cost_nanousd: int | None = None
    error_code: str = ""
    error: str = ""
    credential: Check | None = None
    wire: WireRequest | None = None

    @property
    def hint(self) -> str:
        """What to do about the failure; empty where nothing general can be said."""
        return HINTS.get(self.error_code, "")


class _AskedNow:
    """Resolves references past every cache: what a person has just mended counts at once."""

    def __init__(self) -> None:
        self.check: Check | None = None

    def resolve(self, reference: str, *, tenant_id: str | None = None, version: int | None = None) -> Secret:
        """The credential; empty when it cannot be had."""
        self.check = check_reference(reference, tenant_id=tenant_id)
        return self.check.secret


def try_model(model: Model) -> Trial:
    """Send the call and say what came of it. Costs what such a call costs; blocks for :data:`PATIENCE_S` at most."""
    asked = _AskedNow()
    provider = model.provider
    compiler = Compiler(secrets=asked, now=timezone.now(), tenant_id=provider.tenant_id)
    target = TargetSpec(id=str(model.pk), provider=compiler.provider(provider), model=compiler.model(model))
    request: UpstreamRequest | None = None
    call = _Call(target)
    try:
        request = call.build()
        status, text, usage = asyncio.run(call.send(request))
    except GatewayError as error:
        scrub(error, target.provider.credential)
        trial = Trial(
            label=target.label,
            answered=False,
            duration_ms=call.duration_ms,
            status=getattr(error, "upstream_status", None),
            error_code=error.code,
            error=error.message,
            credential=asked.check,
            wire=_shown(request, target.provider.credential),
        )
    else:
        trial = Trial(
            label=target.label,
            answered=True,
            duration_ms=call.duration_ms,
            status=status,
            text=text[:_LONGEST_ANSWER],
            usage=usage,
            cost_nanousd=cost_nanousd(usage, target.model.price) if usage is not None else None,
            credential=asked.check,
            wire=_shown(request, target.provider.credential),
        )
    _tell(model, trial)
    return trial


class _Call:
    """The request of a target and the reading of its answer."""

    def __init__(self, target: TargetSpec) -> None:
        self._target = target
        self._adapter = adapter_for(target.provider.kind)
        self._embeds = Capability.CHAT not in target.model.capabilities
        self._chat = _chat(target)
        self._texts = _filled(EmbeddingRequest, {"input": [PROMPT], "model": target.model.name})
        self.duration_ms = 0.0

    def build(self) -> UpstreamRequest:
        if self._embeds:
            return self._adapter.build_embeddings(self._texts, self._target)
        return self._adapter.build_chat(self._chat, self._target)

    async def send(self, request: UpstreamRequest) -> tuple[int, str, Usage | None]:
        """Status, text and tokens.

        Raises:
            ProviderError: there is no answer, or none that can be read.
        """
        upstream = SchemeUpstream(AsyncioUpstream(), sandbox=SandboxUpstream())
        allowed_s = min(PATIENCE_S, self._target.provider.timeout_ms / 1000)
        connect_ms = self._target.provider.connect_timeout_ms
        started = time.monotonic()
        try:
            async with asyncio.timeout(allowed_s):
                response = await upstream.send(msgspec.structs.replace(request, connect_timeout_ms=connect_ms))
        except TimeoutError:
            raise ProviderTimeout(f"No answer within {allowed_s:g} s.") from None
        finally:
            self.duration_ms = (time.monotonic() - started) * 1000
            await upstream.aclose()
        if not 200 <= response.status < 300:
            error = self._adapter.classify_error(response.status, response.headers, response.body)
            error.upstream_status = error.upstream_status or response.status
            raise error
        if self._embeds:
            vectors = self._adapter.parse_embeddings(response.body, self._texts, self._target)
            return response.status, _dimensions(vectors.body), vectors.usage
        answer = self._adapter.parse_chat(response.body, self._chat, self._target)
        return response.status, answer.text, answer.usage


def _chat(target: TargetSpec) -> ChatRequest:
    thinks = Capability.REASONING in target.model.capabilities
    body = {
        "model": target.model.name,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": _THINKING_TOKENS if thinks else _OUTPUT_TOKENS,
    }
    request: ChatRequest = _filled(ChatRequest, body)
    return request


def _filled(kind: Any, body: dict[str, Any]) -> Any:
    request = msgspec.convert(body, kind)
    request.body = body
    return request


def _dimensions(body: dict[str, Any]) -> str:
    first: Any = next(iter(body.get("data") or ()), {})
    vector = first.get("embedding") if isinstance(first, dict) else None
    return f"A vector of {len(vector):,} numbers." if isinstance(vector, list) else "A vector."


def _shown(request: UpstreamRequest | None, credential: Secret | None) -> WireRequest | None:
    if request is None:
        return None
    value = credential.reveal() if credential else ""

    def safe(text: str) -> str:
        return scrubbed(text, value) if value else text

    try:
        body: Any = msgspec.json.decode(safe(request.body.decode()))
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = HIDDEN
    headers = tuple((name, safe(text)) for name, text in request.headers)
    return WireRequest(request.method, safe(request.url), headers, body)


def _tell(model: Model, trial: Trial) -> None:
    usage = trial.usage or Usage()
    provider = model.provider
    emit(
        ProviderTested(
            provider_id=str(provider.pk),
            provider=provider.name,
            model=model.name,
            answered=trial.answered,
            error_code=trial.error_code,
            upstream_status=trial.status,
            duration_ms=round(trial.duration_ms, 3),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_nanousd=trial.cost_nanousd,
            actor=current_actor().name,
        ),
        EventContext(tenant_id=str(provider.tenant_id or "")),
    )
