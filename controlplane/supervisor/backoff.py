"""How long to wait before a process that died is started again."""

from __future__ import annotations


class Backoff:
    """Doubles from ``first_s`` to ``longest_s``; a process that ran for ``steady_s`` begins anew."""

    def __init__(self, *, first_s: float = 0.5, longest_s: float = 30.0, steady_s: float = 60.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._steady_s = steady_s
        self._failures = 0

    def after_run(self, ran_s: float) -> float:
        """Seconds to wait after a run that lasted ``ran_s`` seconds."""
        if ran_s >= self._steady_s:
            self._failures = 0
        delay: float = min(self._longest_s, self._first_s * 2.0**self._failures)
        self._failures += 1
        return delay
