"""How far a spool has been written, when its batches may arrive twice, out of order and cut differently. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from events.engine.bus import Batch
from events.engine.spool import START, Position

Range = tuple[Position, Position]


class Progress(NamedTuple):
    """Everything before ``done`` is written, and so are the ``ahead`` ranges beyond it."""

    done: Position = START
    ahead: tuple[Range, ...] = ()

    def covers(self, batch: Batch) -> bool:
        """Whether the whole batch was written before."""
        return batch.end <= self.done or any(start <= batch.after and batch.end <= end for start, end in self.ahead)

    def with_batches(self, batches: Iterable[Batch]) -> Progress:
        """The progress once these batches are written, in whatever order."""
        done = self.done
        ranges = list(self.ahead)
        for batch in batches:
            done = max(done, batch.acked)
            ranges.append((batch.after, batch.end))
        ahead: list[Range] = []
        for start, end in sorted(ranges):
            if start <= done:
                done = max(done, end)
            elif ahead and start <= ahead[-1][1]:
                ahead[-1] = (ahead[-1][0], max(ahead[-1][1], end))
            else:
                ahead.append((start, end))
        return Progress(done, tuple(ahead))

    def ahead_as_lists(self) -> list[list[list[int]]]:
        """``ahead`` as JSON stores it."""
        return [[list(start), list(end)] for start, end in self.ahead]


def progress_from_row(segment: int, offset: int, ahead: list[list[list[int]]]) -> Progress:
    """The inverse of what the table stores."""
    return Progress(Position(segment, offset), tuple((Position(*start), Position(*end)) for start, end in ahead))
