"""How each kind of store last answered this process: for ``/health/detailed``. Kinds only, never a reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from contracts.chat import JsonObject

UNAVAILABLE = "unavailable"
"""The outcome of a read that the store did not answer, or did not let us do."""


@dataclass(slots=True)
class StoreState:
    """Times are those of the states' clock, None: never."""

    outcome: str = ""
    answered_at: float | None = None
    failed_at: float | None = None


class StoreStates:
    """Notes reads as they end, on any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._states: dict[str, StoreState] = {}

    def note(self, store: str, outcome: str) -> None:
        """A read of this kind of store has ended with ``read``, ``missing`` or ``unavailable``."""
        with self._lock:
            state = self._states.setdefault(store, StoreState())
            state.outcome = outcome
            if outcome == UNAVAILABLE:
                state.failed_at = self._clock()
            else:
                state.answered_at = self._clock()

    def report(self) -> JsonObject:
        """One line of ``/health/detailed``; ages in seconds, null where it never was.

        ``degraded`` while the last read of a store failed: values that are known go on serving for a while.
        """
        now = self._clock()
        with self._lock:
            stores = {
                name: {
                    "status": "down" if state.outcome == UNAVAILABLE else "ok",
                    "answered_s_ago": _age(state.answered_at, now),
                    "failed_s_ago": _age(state.failed_at, now),
                }
                for name, state in sorted(self._states.items())
            }
        down = any(store["status"] == "down" for store in stores.values())
        return {"status": "degraded" if down else "ok", "stores": stores}


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else round(now - at, 1)
