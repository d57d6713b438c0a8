from __future__ import annotations

import asyncio

import pytest

from routing.engine.slots import Slots


async def queued(slots: Slots, count: int = 1, timeout_s: float = 5.0) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(slots.wait(timeout_s)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_slots_are_given_up_to_the_limit():
    slots = Slots(2, 0)
    assert [slots.try_acquire() for _ in range(3)] == [True, True, False]
    assert slots.full
    slots.release()
    assert slots.try_acquire()


async def test_a_full_queue_refuses_at_once():
    slots = Slots(1, 1)
    slots.try_acquire()
    await queued(slots)
    assert slots.full
    assert await slots.wait(5.0) is False


async def test_slots_pass_on_in_order_of_arrival():
    slots = Slots(1, 10)
    slots.try_acquire()
    first, second = await queued(slots, 2)
    slots.release()
    await first
    assert not second.done()
    assert not slots.try_acquire()
    slots.release()
    assert await second
    assert slots.in_flight == 1


async def test_waiting_ends_with_the_timeout():
    slots = Slots(1, 10)
    slots.try_acquire()
    assert await slots.wait(0.01) is False
    assert slots.waiting == 0
    slots.release()
    assert slots.in_flight == 0


async def test_a_cancelled_wait_leaves_the_queue():
    slots = Slots(1, 10)
    slots.try_acquire()
    first, second = await queued(slots, 2)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    slots.release()
    assert await second
    assert (slots.in_flight, slots.waiting) == (1, 0)


async def test_a_slot_granted_to_a_wait_that_is_cancelled_in_the_same_turn_is_not_lost():
    slots = Slots(1, 10)
    slots.try_acquire()
    first, second = await queued(slots, 2)
    slots.release()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second
    slots.release()
    assert (slots.in_flight, slots.waiting) == (0, 0)


async def test_a_raised_limit_lets_waiting_calls_in():
    slots = Slots(1, 10)
    slots.try_acquire()
    waiting = await queued(slots, 3)
    slots.resize(3, 10)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, True, False]
    assert slots.in_flight == 3
    waiting[2].cancel()


async def test_a_lowered_limit_takes_effect_as_calls_end():
    slots = Slots(3, 10)
    for _ in range(3):
        slots.try_acquire()
    slots.resize(1, 10)
    (waiting,) = await queued(slots)
    slots.release()
    slots.release()
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.release()
    assert await waiting
    assert slots.in_flight == 1
