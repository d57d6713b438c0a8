"""Two attempts at once: the second starts when the first is slow, the first answer wins, the other is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from contracts.errors import GatewayError, InternalError
from routing.engine.attempt import CLIENT_LEFT, Attempt
from routing.engine.operations import Operation

T = TypeVar("T")


async def race(
    first: Attempt,
    operation: Operation[T],
    *,
    after_s: float,
    hedge_of: Callable[[], Attempt | None],
    lost: Callable[[Attempt, GatewayError | None], None],
) -> T:
    """The first answer of ``first`` and, from ``after_s`` on, of the attempt that ``hedge_of`` begins.

    ``lost`` hears of every racer that did not win, but not of ``first`` when both failed: its error is raised.
    No task outlives the call.
    """
    racers = {asyncio.create_task(operation(first)): first}
    try:
        done, _ = await asyncio.wait(racers, timeout=after_s)
        if not done and (hedge := hedge_of()) is not None:
            racers[asyncio.create_task(operation(hedge))] = hedge
        return await _winner(racers, first, lost)
    except asyncio.CancelledError:
        for attempt in racers.values():
            attempt.cancelled(CLIENT_LEFT)
        raise
    except GatewayError:
        raise
    except Exception:
        for attempt in racers.values():
            attempt.failed(InternalError("Internal error."))
        raise
    finally:
        await _stop(list(racers))


async def _winner(
    racers: dict[asyncio.Task[T], Attempt], first: Attempt, lost: Callable[[Attempt, GatewayError | None], None]
) -> T:
    error_of_first: GatewayError | None = None
    running = dict(racers)
    while True:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(done, key=lambda task: running[task] is not first):
            attempt = running.pop(task)
            try:
                answer = task.result()
            except GatewayError as error:
                if attempt is first:
                    error_of_first = error
                if not running:
                    if attempt is not first:
                        lost(attempt, error)
                    raise error_of_first or error from None
                lost(attempt, error)
                continue
            for beaten in running.values():
                lost(beaten, None)
            return answer


async def _stop(tasks: list[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
