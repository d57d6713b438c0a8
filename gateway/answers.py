"""Answers that belong to no call."""

from __future__ import annotations

import msgspec

from contracts.chat import JsonObject
from contracts.ids import new_correlation_id
from gateway.engine.headers import plain_headers
from gateway.exchange import Answer


def json_answer(body: JsonObject, correlation_id: str = "") -> Answer:
    """A 200 with this body."""
    return Answer(200, plain_headers(correlation_id or new_correlation_id()), msgspec.json.encode(body))
