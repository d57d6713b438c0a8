"""Guardrails: what a policy asks for, and what looking at a text found.

Offsets are characters of the text that was looked at, ``start`` included and ``end`` not; durations are milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Stage(StrEnum):
    """Where in a call a text is looked at."""

    INPUT = "input"
    """What the caller sends: the texts of its messages, tool results excepted."""
    OUTPUT = "output"
    """What the model answers."""
    RETRIEVED = "retrieved"
    """Passages that retrieval puts into the prompt."""
    TOOL_CALL = "tool_call"
    """Arguments with which the model wants a tool called."""
    TOOL_RESULT = "tool_result"
    """What a tool gave back."""


class Action(StrEnum):
    """What happens to a text in which a rule found something; of several, the last in this order wins."""

    ALLOW = "allow"
    """Nothing, and no later rule of the policy takes offence at the same characters: an exception."""
    FLAG = "flag"
    """The call goes on; an event tells of it."""
    REDACT = "redact"
    """The characters are replaced by ``[ENTITY]``, for good."""
    MASK = "mask"
    """As ``redact``, and the originals come back where the answer uses the placeholders."""
    REROUTE = "reroute"
    """The call goes to another route, such as one of local models."""
    BLOCK = "block"
    """The call is refused, or its answer withheld."""


class OnError(StrEnum):
    """What follows where a rule fails, or is not done by its deadline."""

    ALLOW = "allow"
    BLOCK = "block"


class Finding(msgspec.Struct, frozen=True):
    """What a detector found in a text."""

    start: int
    end: int
    entity: str
    """What it is, in upper case: ``EMAIL_ADDRESS``, ``PROMPT_INJECTION`` ..."""
    score: float = 1.0
    """How sure the detector is, 0 to 1."""
    evidence: str = ""
    """Why, in words that hold nothing of the text: ``Luhn``, ``after "card number"``, ``inside base64`` ..."""


class RuleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a policy."""

    id: str
    name: str
    kind: str
    """Which detector, by its name in :mod:`guardrails.engine.kinds`."""
    stages: frozenset[Stage]
    action: Action
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the kind takes."""
    deadline_ms: int = 50
    on_error: OnError = OnError.ALLOW
    shadow: bool = False
    """Told in events and otherwise without effect."""
    reroute_to: str = ""
    """Name of a route, for ``reroute``."""
    hold_stream: bool = True
    """Whether a stream is held back until its end where the rule must see all of it before it can act; False: it then
    only flags what it finds in streams."""
    message: str = ""
    """What the caller is told where the rule blocks; empty: a sentence that names the rule."""


class PolicySpec(msgspec.Struct, frozen=True, kw_only=True):
    """A published version of a policy. A call is subject to all that apply to it, in the order of the specs."""

    id: str
    name: str
    version: int
    rules: tuple[RuleSpec, ...] = ()
    """In the order in which they are applied."""
    shadow: bool = False
    """No rule of it has any effect but events."""
    routes: frozenset[str] = frozenset()
    """Names of the routes to whose calls it applies; empty: all."""
    keys: frozenset[str] = frozenset()
    """Ids of the API keys to whose calls it applies; empty: all."""
