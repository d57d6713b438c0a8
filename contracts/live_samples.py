"""Calls of live traffic that are handed on to be scored: which ones, and what is told of them.

The gateway decides and hands on; who evaluates stands above it, and registers here what is wanted of each tenant.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

import msgspec

QUEUE_TTL_MS: Final = 10 * 60_000
"""How long the texts of a call wait in Redis at most."""
QUEUE_CALLS: Final = 1_000
"""Of a tenant; what comes beyond is counted and dropped."""
GROUP: Final = "scorers"
NOT_LIVE: Final = frozenset({"evaluation", "judge", "playground", "replay", "guardrail", "guardrails", "retrieval"})
"""Values of the tag ``source`` of calls that nobody's application made."""


class LiveSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A live evaluation: which calls it wants. Empty sets stand for all."""

    id: str
    routes: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()
    rate: float = 0.0
    """Share of the calls, 0 to 1."""
    min_per_hour: int = 0
    """Of each route, whatever the rate."""
    max_per_hour: int = 1_000
    """Of each route."""
    prompts_per_minute: int = 0
    """Of each route and gateway worker: so many prompts are added up, see :mod:`contracts.prompt_sums`."""


class HandedCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answered call as it is handed on: as the tenant's policies and data protection leave it."""

    run_id: str
    at_ms: int
    route: str
    model: str
    provider: str
    key_id: str
    user: str | None = None
    mode: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    messages: list[tuple[str, str]] = []
    """Role and text, the last ones, in order."""
    context: list[str] = []
    """Passages of documents that the answer was to rest on."""
    output: str = ""
    input_chars: int = 0
    output_chars: int = 0
    duration_ms: float = 0.0
    cost_nanousd: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0


def queue_of(tenant_id: str) -> str:
    """Name of the stream in Redis; the tenant is its hash tag."""
    return f"live:{{{tenant_id}}}:calls"


def losses_of(tenant_id: str) -> str:
    """Name of the hash that counts what was dropped, by reason."""
    return f"live:{{{tenant_id}}}:lost"


def taken_of(tenant_id: str, hour: int) -> str:
    """Name of the hash that counts what was handed on in an hour since 1970, by evaluation and route."""
    return f"live:{{{tenant_id}}}:taken:{hour}"


ScoreNames = Callable[[uuid.UUID], list[str]]
_score_names: list[ScoreNames] = []


def register_score_names(names: ScoreNames) -> None:
    """Have it asked for the evaluators that score a tenant's live calls."""
    if names not in _score_names:
        _score_names.append(names)


def score_names_of(tenant_id: uuid.UUID) -> list[str]:
    """Names of the evaluators that score the tenant's live calls, for who looks at their scores."""
    return sorted({name for names in _score_names for name in names(tenant_id)})


LiveSpecs = Callable[[uuid.UUID], tuple[LiveSpec, ...]]
_registered: list[LiveSpecs] = []


def register_live_specs(specs: LiveSpecs) -> None:
    """Have it asked when a tenant's configuration is compiled."""
    if specs not in _registered:
        _registered.append(specs)


def live_specs_of(tenant_id: uuid.UUID) -> tuple[LiveSpec, ...]:
    """What everybody wants of the tenant's calls."""
    return tuple(spec for specs in _registered for spec in specs(tenant_id))
