"""The data plane's endpoint for what callers say about kept answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.errors import InvalidRequest, RunNotFound
from contracts.ids import is_correlation_id
from contracts.ports import Feedback, FeedbackTaker
from gateway.answers import json_answer
from gateway.engine.authentication import Authenticator, presented_key
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.validation import convert, decode_object

SCOPE = "chat"
MAX_COMMENT = 500


class FeedbackRequest(msgspec.Struct):
    """What a caller says about the answer to one of its tenant's calls."""

    correlation_id: str
    """Of the answer: its ``x-correlation-id``."""
    cached_answer: Literal["right", "wrong"]
    """Whether the kept answer to a question in other words served this one."""
    comment: str = ""


class FeedbackEndpoint:
    """Answers ``POST /v1/feedback``."""

    def __init__(self, *, authenticator: Authenticator, taker: FeedbackTaker) -> None:
        self._authenticator = authenticator
        self._taker = taker

    async def take(self, request: GatewayRequest) -> Answer:
        """Take it down; what the route's threshold is since."""
        key, tenant = await self._authenticator.authenticate(presented_key(request.headers), request.client_ip, SCOPE)
        said = convert(decode_object(request.body), FeedbackRequest)
        if len(said.comment) > MAX_COMMENT:
            raise InvalidRequest(f"A comment has at most {MAX_COMMENT} characters.", param="comment")
        if not is_correlation_id(said.correlation_id):
            raise RunNotFound("There is no run with this correlation id.")
        taken = await self._taker.take(
            Feedback(
                tenant_id=tenant.id,
                correlation_id=said.correlation_id,
                right=said.cached_answer == "right",
                comment=said.comment,
                actor=f"key {key.name or key.prefix or key.id}",
            )
        )
        return json_answer(
            {
                "object": "feedback",
                "correlation_id": said.correlation_id,
                "cached_answer": said.cached_answer,
                "route": taken.route,
                "confidence": taken.confidence,
                "right": taken.right,
                "wrong": taken.wrong,
            }
        )
