from __future__ import annotations

import asyncio

import pytest

from contracts.time_limit import TimeLimit


async def test_what_is_done_in_time_is_left_alone() -> None:
    with TimeLimit(5):
        await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def wait_too_long() -> None:
    with TimeLimit(0.01):
        await asyncio.sleep(5)


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError):
        await wait_too_long()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def work() -> None:
        with TimeLimit(5):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_wins_over_a_limit_that_passes_with_it() -> None:
    async def work() -> None:
        with TimeLimit(0):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_is_not_hidden() -> None:
    async def fail() -> None:
        with TimeLimit(5):
            await asyncio.sleep(0)
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await fail()


async def test_limits_nest_and_the_one_that_passed_is_told() -> None:
    async def inner_passes() -> str:
        with TimeLimit(5):
            try:
                await wait_too_long()
            except TimeoutError:
                return "inner"
        return "none"

    async def outer_passes() -> None:
        with TimeLimit(0.01), TimeLimit(5):
            await asyncio.sleep(5)

    assert await inner_passes() == "inner"
    with pytest.raises(TimeoutError):
        await outer_passes()


def test_it_needs_a_task() -> None:
    with pytest.raises(RuntimeError), TimeLimit(1):
        pass
