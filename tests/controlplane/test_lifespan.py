from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from controlplane.lifespan import Lifespan


def hook(name: str, log: list[str]) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        log.append(f"open {name}")
        yield
        log.append(f"close {name}")

    return opened


async def _live(lifespan: Lifespan) -> list[str]:
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    try:
        await lifespan({"type": "lifespan"}, receive, send)
    except RuntimeError:
        sent.append("raised")
    return sent


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("a lifespan scope went to the application")


async def test_hooks_open_in_order_and_close_in_reverse() -> None:
    log: list[str] = []
    sent = await _live(Lifespan(_nothing, [hook("a", log), hook("b", log)]))
    assert log == ["open a", "open b", "close b", "close a"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_hook_that_fails_closes_what_was_open_and_fails_the_start() -> None:
    log: list[str] = []

    def broken() -> AbstractAsyncContextManager[None]:
        raise RuntimeError("no disk")

    sent = await _live(Lifespan(_nothing, [hook("a", log), broken]))
    assert log == ["open a"]
    assert sent == ["lifespan.startup.failed", "raised"]


async def test_every_other_scope_goes_on_as_it_came() -> None:
    seen: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    scope = {"type": "http"}
    await Lifespan(behind)(scope, pytest, pytest)  # type: ignore[arg-type]
    assert seen == [(scope, pytest, pytest)]
