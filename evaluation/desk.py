"""Work that coroutines of the gateway's loop hand to the one thread that has the database connection."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar

T = TypeVar("T")


class Desk:
    """Coroutines :meth:`ask`; the thread that owns the desk does what is asked in :meth:`serve`."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._closed = False

    async def ask(self, work: Callable[[], T]) -> T:
        """What the work gives, done on the owner's thread.

        Raises:
            asyncio.CancelledError: the desk is closed.
            Exception: whatever the work raises.
        """
        if self._closed:
            raise asyncio.CancelledError
        answer: Future[T] = Future()
        self._asked.put((answer, work))
        return await asyncio.wrap_future(answer)

    def serve(self, wait_s: float) -> None:
        """Do what is asked; waits for the first piece of work at most so long, and for no other."""
        try:
            answer, work = self._asked.get(timeout=wait_s)
            while True:
                _do(answer, work)
                answer, work = self._asked.get_nowait()
        except queue.Empty:
            return

    def close(self) -> None:
        """Do nothing more: whoever asked is cancelled."""
        self._closed = True
        while not self._asked.empty():
            answer, _ = self._asked.get_nowait()
            answer.cancel()


def _do(answer: Future[Any], work: Callable[[], Any]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except (Exception, CancelledError) as error:
        answer.set_exception(error)
        return
    try:
        answer.set_result(result)
    except InvalidStateError:
        return
