"""By whom models are asked where texts are tried: the gateway, which this app does not know, says so when it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contracts.ports import ModelCaller


class TryingCaller(ModelCaller, Protocol):
    """Asks in a tenant's name, and knows what that will cost."""

    def estimate_nanousd(self, route: str, *, input_tokens: int, output_tokens: int) -> int | None:
        """What so many tokens cost over the route; None where nobody knows."""


_maker: Callable[[str], TryingCaller] | None = None


def register(maker: Callable[[str], TryingCaller]) -> None:
    """Have ``maker`` make the caller of a tenant, by its id."""
    global _maker
    _maker = maker


def caller_of(tenant_id: object) -> TryingCaller | None:
    """The tenant's; None for the platform, which has nobody to pay for it."""
    return _maker(str(tenant_id)) if _maker is not None and tenant_id is not None else None
