"""What this worker knows of its budgets is kept fresh: should Redis go, its share is worked out from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from gateway.engine.budgets import Account

Ask = Callable[..., Awaitable[Any]]
"""Sends one command to Redis."""


async def refresh(accounts: Iterable[Account], *, heard_before: float, asked_at: float, ask: Ask) -> None:
    """Ask Redis what is left in the accounts of which nothing was heard since ``heard_before``.

    Both instants are ``Clock.monotonic``'s. Without this a worker whose callers pause would, in an outage, give away
    again what other workers have spent meanwhile.

    Raises:
        RedisUnavailable: Redis cannot be reached.
    """
    due = [account for account in accounts if account.generation and account.seen_at < heard_before]
    replies = await asyncio.gather(*(ask("HMGET", account.keys[0], "g", "s", "r", "q") for account in due))
    for account, (generation, spent, reserved, ended) in zip(due, replies, strict=True):
        # An account that Redis lost or made anew is for others to see to; a call may have heard more by now.
        if generation == account.generation and account.seen_at < asked_at:
            account.remaining = account.limit - int(spent) - int(reserved) - int(ended)
            account.seen_at = asked_at
            account.local_nanousd = 0
