"""Sums of prompts by the minute: unit vectors of what was asked, added up, and how many there were. No texts, no ids.

Gateways add up, who keeps the sums registers here, and who looks at how prompts change reads them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

DIMENSIONS: Final = 256
"""Of ``embeddings``."""
QUEUE_TTL_MS: Final = 10 * 60_000
QUEUE_SUMS: Final = 2_000
"""Of a tenant, waiting in Redis; older ones are dropped."""


class PromptSum(msgspec.Struct, frozen=True, array_like=True):
    """What one gateway worker saw of a route in (a part of) one minute."""

    start_s: int
    route: str
    prompts: int
    total: bytes
    """:data:`DIMENSIONS` little-endian floats of four bytes."""


def sums_of(tenant_id: str) -> str:
    """Name of the list in Redis; the tenant is its hash tag."""
    return f"live:{{{tenant_id}}}:prompts"


Stretches = Sequence[tuple[int, int]]
"""From and up to, not including; Unix seconds."""
PromptReader = Callable[[uuid.UUID, str, Stretches], list[PromptSum]]
_readers: list[PromptReader] = []


def register_prompt_reader(reader: PromptReader) -> None:
    """Have it asked for a tenant's sums, of one route or (empty) of all."""
    if reader not in _readers:
        _readers.append(reader)


def prompt_sums(tenant_id: uuid.UUID, route: str, stretches: Stretches) -> list[PromptSum]:
    """What is kept of these times; several of one minute where there are several routes."""
    return [found for reader in _readers for found in reader(tenant_id, route, stretches)]
