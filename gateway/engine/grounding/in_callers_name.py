"""Models asked for a call that rests on documents: calls like any other, in the caller's name.

They count in its budgets and stand in its ledger and events, with the tags ``source=retrieval`` (``grounding`` where an
answer is judged) and ``retrieval_for``, the call that they are for.

Limits of rate and concurrency leave them out: a call would otherwise wait for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.chat import JsonObject
from contracts.errors import GatewayError
from contracts.ports import Clock
from contracts.specs import KeySpec, TenantSpec
from gateway.exchange import CHAT, EMBEDDINGS, GatewayRequest, Insider, Serve
from gateway.formats.base import ChatFormat
from gateway.formats.openai import OpenAIChatFormat

SOURCE: Final = "retrieval"
"""Value of the tag ``source``."""
JUDGING: Final = "grounding"
"""The same of questions how far an answer rests on its passages."""


class ModelFailed(GatewayError):
    """A call that was to help the search was refused or failed."""


class InCallersName:
    """Asks for one call."""

    def __init__(
        self,
        serve: Serve,
        clock: Clock,
        *,
        tenant: TenantSpec,
        key: KeySpec,
        correlation_id: str,
        source: str = SOURCE,
    ) -> None:
        self._serve = serve
        self._clock = clock
        self._insider = Insider(
            msgspec.structs.replace(
                key, tenant_id=tenant.id, allowed_routes=frozenset(), allowed_models=frozenset(), limits=()
            ),
            msgspec.structs.replace(tenant, limits=()),
        )
        self._tags = {"source": source} | ({"retrieval_for": correlation_id} if correlation_id else {})

    async def ask(self, route: str, instructions: str, question: str, *, max_output_tokens: int) -> str:
        """What the route's model said.

        Raises:
            GatewayError: the call was refused, or failed.
        """
        messages = [{"role": "system", "content": instructions}, {"role": "user", "content": question}]
        body = {"model": route, "messages": messages, "max_tokens": max_output_tokens, "temperature": 0}
        return await self.once_more(body)

    async def once_more(self, body: JsonObject) -> str:
        """What a model answers to this request.

        Raises:
            GatewayError: the call was refused, or failed.
        """
        message = (await self._answered(CHAT, body, OpenAIChatFormat())).get("choices", [{}])[0].get("message") or {}
        content = message.get("content")
        return content if isinstance(content, str) else ""

    async def embed(self, route: str, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts.

        Raises:
            GatewayError: the call was refused, or failed.
        """
        answered = await self._answered(EMBEDDINGS, {"model": route, "input": list(texts)}, None)
        return [one["embedding"] for one in sorted(answered.get("data") or (), key=lambda one: one["index"])]

    async def _answered(self, endpoint: str, body: JsonObject, format_: ChatFormat | None) -> Any:
        sent = msgspec.json.encode({**body, "tags": self._tags})
        exchange = GatewayRequest("POST", endpoint, "", {}, "", sent, self._clock.monotonic(), self._insider)
        answer = await self._serve(exchange, endpoint=endpoint, format_=format_)
        said = msgspec.json.decode(answer.body)
        if answer.status >= 400:
            raise ModelFailed(f"A model could not be asked: {(said.get('error') or {}).get('message')}")
        return said
