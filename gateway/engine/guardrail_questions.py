"""Questions that guardrails ask models: calls like any other, in the name of the tenant whose text is looked at.

They count in its budgets and stand in its ledger and events, with the tags ``source=judge`` and ``judge_of``, the call
that is judged. Limits of rate and concurrency leave them out: a call would otherwise wait for itself. No judge looks at
them; rules that redact or mask do, so that a judge's provider sees no more than the call's own.
"""

from __future__ import annotations

from typing import Final

import msgspec

from contracts.chat import JsonObject
from contracts.errors import GatewayError, ModelNotFound
from contracts.ports import Clock, ModelQuestion
from contracts.specs import Capability, KeySpec, RouteSpec, TenantSpec
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import CHAT, Answer, GatewayRequest, Insider, Serve
from gateway.formats.openai import OpenAIChatFormat

SOURCE: Final = "judge"
"""Value of the tag ``source``."""
TRYING: Final = KeySpec(id="guardrails", tenant_id="", name="Guardrails")
"""In whose name is asked where a text is tried that belongs to no call."""


class QuestionFailed(GatewayError):
    """The call that should have judged was refused or failed."""


class Questions:
    """Asks in the name of calls of one gateway worker."""

    def __init__(self, serve: Serve, *, specs: SpecCache, clock: Clock) -> None:
        self._serve = serve
        self._specs = specs
        self._clock = clock

    def of(self, tenant: TenantSpec, key: KeySpec, correlation_id: str) -> Asker:
        """Whom rules ask that look at a call of this key."""
        return Asker(self, tenant, key, correlation_id)

    async def ask(self, asker: Asker, question: ModelQuestion) -> str:
        """What the model answered.

        Raises:
            GatewayError: there is no such route, or the call was refused or failed.
        """
        body = msgspec.json.encode(await self._body(asker, question))
        insider = Insider(
            msgspec.structs.replace(
                asker.key, tenant_id=asker.tenant.id, allowed_routes=frozenset(), allowed_models=frozenset(), limits=()
            ),
            msgspec.structs.replace(asker.tenant, limits=()),
        )
        exchange = GatewayRequest("POST", CHAT, "", {}, "", body, self._clock.monotonic(), insider)
        answer = await self._serve(exchange, endpoint=CHAT, format_=OpenAIChatFormat())
        return _said(answer)

    async def _body(self, asker: Asker, question: ModelQuestion) -> JsonObject:
        body: JsonObject = {
            "model": question.route,
            "messages": [
                {"role": "system", "content": question.instructions},
                {"role": "user", "content": question.question},
            ],
            "max_tokens": question.max_output_tokens,
            "tags": {"source": SOURCE} | ({"judge_of": asker.correlation_id} if asker.correlation_id else {}),
        }
        if _can_be_held_to_a_schema(await self._route(asker.tenant, question.route)):
            shape = {"name": "verdict", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        return body

    async def _route(self, tenant: TenantSpec, name: str) -> RouteSpec:
        platform = await self._specs.platform()
        for route in (*tenant.routes, *platform.routes):
            if route.name == name:
                return route
        raise ModelNotFound(f"There is no route {name!r} for a guardrail to ask.")


class Asker:
    """The port by which rules ask, bound to a call."""

    def __init__(self, questions: Questions, tenant: TenantSpec, key: KeySpec, correlation_id: str) -> None:
        self.tenant, self.key, self.correlation_id = tenant, key, correlation_id
        self.tenant_id = tenant.id
        self._questions = questions

    async def ask(self, question: ModelQuestion) -> str:
        """What the model answered.

        Raises:
            GatewayError: the call was refused, or failed.
        """
        return await self._questions.ask(self, question)


def _can_be_held_to_a_schema(route: RouteSpec) -> bool:
    """Whether asking for a schema leaves the route as it is: targets that lack the capability would be passed over."""
    return bool(route.targets) and all(Capability.JSON_SCHEMA in target.model.capabilities for target in route.targets)


def _said(answer: Answer) -> str:
    body = msgspec.json.decode(answer.body)
    if answer.status >= 400:
        error = body.get("error") or {}
        raise QuestionFailed(f"The judge could not be asked: {error.get('message') or answer.status}")
    message = (body.get("choices") or [{}])[0].get("message") or {}
    content = message.get("content")
    return content if isinstance(content, str) else ""
