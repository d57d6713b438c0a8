import asyncio

import msgspec

from events.live.outbox import Outbox


async def test_messages_come_out_in_order():
    outbox = Outbox()
    for text in ("a", "b", "c"):
        assert outbox.put(text)
    assert await outbox.take() == ["a", "b", "c"]


async def test_taking_waits_for_a_message():
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put("a")
    assert await taking == ["a"]


async def test_a_slow_reader_is_told_how_many_it_missed():
    outbox = Outbox(limit=3)
    kept = [outbox.put(str(number)) for number in range(10)]
    assert kept == [True] * 3 + [False] * 7
    *messages, gap = await outbox.take()
    assert messages == ["0", "1", "2"]
    assert msgspec.json.decode(gap) == {"type": "dropped", "count": 7}
    assert outbox.put("next")
    assert await outbox.take() == ["next"]


async def test_one_message_larger_than_the_limit_still_goes_out():
    outbox = Outbox(bytes_limit=10)
    assert outbox.put("x" * 100)
    assert not outbox.put("y")
    assert (await outbox.take())[0] == "x" * 100
