"""Real calls through a running gateway, with the demo's keys and the sandbox, for live pages to show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate
from random import Random
from typing import Any, Final

import httpx

from controlplane.demo.keys_file import LiveKey

MODELS: Final = ("sandbox/sandbox-small", "sandbox/sandbox-small", "sandbox/sandbox-large")
IN_FLIGHT: Final = 64
REPORT_S: Final = 10.0
_QUESTIONS: Final = (
    "Where is my order?",
    "Summarise the last three notes for the next shift.",
    "Which clause covers late delivery?",
    "Explain the difference between a mean and a median, step by step.",
    "Review this change and name the riskiest line.",
)


class LiveRefused(Exception):
    """No gateway answers there."""


def run(url: str, keys: Sequence[LiveKey], per_second: float, say: Callable[[str], Any]) -> None:
    """Send ``per_second`` calls a second until Ctrl-C.

    Raises:
        LiveRefused: the gateway does not answer.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(send(url, keys, per_second, say))


async def send(
    url: str, keys: Sequence[LiveKey], per_second: float, say: Callable[[str], Any], *, calls: int | None = None
) -> Counter[int]:
    """Send calls at this rate, ``calls`` of them or for ever; how many ended with which status.

    Raises:
        LiveRefused: the gateway does not answer.
    """
    rng, loop, statuses = Random(), asyncio.get_running_loop(), Counter[int]()
    weights = list(accumulate(key.share for key in keys))
    places = asyncio.Semaphore(IN_FLIGHT)
    async with httpx.AsyncClient(base_url=url, timeout=30.0) as client:
        await _require_gateway(client)
        say(f"Sending {per_second:g} calls a second to {url}; Ctrl-C stops.")
        begin = reported = loop.time()
        sent = 0
        async with asyncio.TaskGroup() as tasks:
            while calls is None or sent < calls:
                await asyncio.sleep(max(0.0, begin + sent / per_second - loop.time()))
                await places.acquire()
                key = rng.choices(keys, cum_weights=weights)[0]
                tasks.create_task(_call(client, key, rng, statuses, places))
                sent += 1
                if loop.time() - reported >= REPORT_S:
                    reported = loop.time()
                    say(_shown(statuses))
    return statuses


def _shown(statuses: Counter[int]) -> str:
    return ", ".join(f"{status or 'no answer'}: {number:,}" for status, number in sorted(statuses.items()))


async def _require_gateway(client: httpx.AsyncClient) -> None:
    try:
        (await client.get("/health")).raise_for_status()
    except httpx.HTTPError as error:
        raise LiveRefused(f"No gateway answers at {client.base_url}: {error}") from error


async def _call(
    client: httpx.AsyncClient, key: LiveKey, rng: Random, statuses: Counter[int], places: asyncio.Semaphore
) -> None:
    """One call; also a refusal or a broken connection is something that live pages show, and so no reason to stop."""
    body = {
        "model": rng.choice(MODELS),
        "messages": [{"role": "user", "content": rng.choice(_QUESTIONS)}],
        "user": f"u-{rng.randrange(1001, 1400)}",
        "stream": rng.random() < 0.5,
        "tags": {"feature": key.feature},
    }
    try:
        headers = {"Authorization": f"Bearer {key.key}"}
        statuses[(await client.post("/v1/chat/completions", json=body, headers=headers)).status_code] += 1
    except httpx.HTTPError:
        statuses[0] += 1
    finally:
        places.release()
