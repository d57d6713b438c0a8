"""What a shipper knows of one spool: how far it was sent, how far PostgreSQL confirmed it. Pure, no I/O but reads."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from events.engine.bus import Batch
from events.engine.spool import Position, Spool


class InFlight(NamedTuple):
    """A batch on the bus that is not confirmed yet."""

    entry_id: bytes
    end: Position


class Lane:
    """One spool on its way."""

    def __init__(self, spool: Spool, *, adopted: bool) -> None:
        self.spool = spool
        self.adopted = adopted
        self.acked = spool.first
        self.shipped = spool.first
        self.in_flight: deque[InFlight] = deque()
        self._progress_at: float | None = None

    @property
    def spool_id(self) -> str:
        """The spool's id."""
        return self.spool.spool_id

    @property
    def confirmed(self) -> bool:
        """Whether PostgreSQL has everything that is in the spool now."""
        return self.spool.backlog_bytes(self.acked) <= 0

    def next_batch(self, max_bytes: int) -> Batch | None:
        """The next lines to send; None when all are sent. Call :meth:`sent` once they are on the bus."""
        chunk = self.spool.read(self.shipped, max_bytes)
        if chunk is None:
            return None
        return Batch(self.spool_id, after=self.shipped, end=chunk.end, acked=self.acked, data=chunk.data)

    def sent(self, batch: Batch, entry_id: bytes, now: float) -> None:
        """The bus took the batch."""
        if not self.in_flight:
            self._progress_at = now
        self.shipped = batch.end
        self.in_flight.append(InFlight(entry_id, batch.end))

    def confirm(self, acked: Position, now: float) -> None:
        """PostgreSQL has everything up to ``acked``; finished segments are deleted."""
        if acked <= self.acked:
            return
        self.acked = acked
        self.shipped = max(self.shipped, acked)
        self._progress_at = now
        while self.in_flight and self.in_flight[0].end <= acked:
            self.in_flight.popleft()
        self.spool.release(acked)

    def stalled(self, now: float, after_s: float) -> bool:
        """Whether batches are in flight and nothing was confirmed for ``after_s`` seconds."""
        return bool(self.in_flight) and self._progress_at is not None and now - self._progress_at > after_s

    def wait_longer(self, now: float) -> None:
        """The oldest batch is still on the bus: the collector is slow or down, sending again would not help."""
        self._progress_at = now

    def rewind(self) -> None:
        """The bus lost what was sent: send again from the last confirmed position. Duplicates are harmless."""
        self.in_flight.clear()
        self.shipped = self.acked
        self._progress_at = None
