"""A process that emits events without end until it is told to stop (a line on stdin) or killed.

Prints ``ready``, and at the end how many events it emitted. Each has its own correlation id: ``<prefix>-<number>``.
"""

import asyncio
import sys
from pathlib import Path

from contracts.events import EventContext, RequestStarted
from events.engine import build


async def emit_until_told(spool_dir: str, redis_url: str, prefix: str, ship: bool) -> None:
    outlet = build(spool_dir=Path(spool_dir), redis_url=redis_url, service_name="test", env="test")
    if ship:
        await outlet.start()
    told = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    count = 0
    while not told.done():
        for _ in range(10):
            payload = RequestStarted(endpoint="/v1/chat/completions", operation="chat", key_id="k")
            outlet.emitter.emit(payload, EventContext("tenant", "", "", f"{prefix}-{count}"))
            count += 1
        await asyncio.sleep(0.005)
        if count == 100:
            print("ready", flush=True)
    await outlet.stop(drain_s=30)
    print(count, flush=True)


if __name__ == "__main__":
    asyncio.run(emit_until_told(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "ship"))
