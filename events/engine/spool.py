"""The spool: where events are from the moment they are emitted until PostgreSQL has them.

One directory per process under a common root::

    <root>/<spool_id>/lock                  held with flock as long as the process lives
    <root>/<spool_id>/00000001.ndjson ...   append-only segments of newline-terminated JSON

Each flush is one ``write(2)``, so what was flushed survives ``kill -9`` (the page cache is the kernel's). It is
not synced to the platter: a power cut may cost the last seconds. A line without its newline was torn by the
death of its writer and is not part of the spool.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uuid_utils

SEGMENT_SUFFIX = ".ndjson"
LOCK_NAME = "lock"


class SpoolFull(OSError):
    """The spool reached ``max_bytes`` or the disk refused the write; nothing of the append is in the spool."""


class Position(NamedTuple):
    """A place between two lines: everything before ``offset`` bytes of ``segment`` and all earlier segments."""

    segment: int
    offset: int

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The inverse of ``str``.

        Raises:
            ValueError: not ``<segment>:<offset>``.
        """
        segment, _, offset = text.partition(":")
        return cls(int(segment), int(offset))


START = Position(0, 0)
"""Before the first segment."""


class Chunk(NamedTuple):
    """Whole lines of one segment, and the position after them."""

    data: bytes
    end: Position


class Spool:
    """One process's spool. One writer; the reader (shipper) may be another thread of the same process."""

    def __init__(self, path: Path, lock_fd: int, *, max_bytes: int, segment_bytes: int) -> None:
        self.path = path
        self.spool_id = path.name
        self.max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._lock_fd = lock_fd
        self._segments: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._current = 0
        self._write_fd = -1
        self._read_fd = -1
        self._read_segment = 0

    # --- opening and closing

    @classmethod
    def open(cls, root: Path | str, *, max_bytes: int = 1 << 30, segment_bytes: int = 8 << 20) -> Spool:
        """A new, empty spool of this process.

        Raises:
            OSError: the directory cannot be created or written.
        """
        root = Path(root)
        root.mkdir(parents=True, exist_ok=True)
        spool_id = str(uuid_utils.uuid7())
        # Created under a hidden name and renamed when locked: no other process ever sees an unlocked live spool.
        hidden = root / f".{spool_id}"
        hidden.mkdir()
        lock_fd = os.open(hidden / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(root / spool_id)
        return cls(root / spool_id, lock_fd, max_bytes=max_bytes, segment_bytes=segment_bytes)

    @classmethod
    def adopt(cls, path: Path) -> Spool | None:
        """A dead process's spool, for reading; None when its owner (or another adopter) lives or it is gone."""
        try:
            lock_fd = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path / LOCK_NAME).st_ino != os.fstat(lock_fd).st_ino:
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError):
            os.close(lock_fd)
            return None
        spool = cls(path, lock_fd, max_bytes=0, segment_bytes=0)
        for number, segment in _segments_in(path):
            spool._segments[number] = complete_bytes(segment)
            spool._started[number] = segment.stat().st_ctime
        return spool

    @staticmethod
    def abandoned(root: Path) -> Iterator[Path]:
        """Directories under ``root`` that may be spools, live or dead."""
        if root.is_dir():
            yield from (entry for entry in sorted(root.iterdir()) if not entry.name.startswith(".") and entry.is_dir())

    def close(self) -> None:
        """Give up the lock, leaving the files for an adopter. Safe to call twice."""
        opened = self._write_fd, self._read_fd, self._lock_fd
        # Forgotten first: another thread must not write to the number once it is somebody else's.
        self._write_fd = self._read_fd = self._lock_fd = -1
        for fd in opened:
            if fd >= 0:
                os.close(fd)

    def remove(self) -> None:
        """Delete the spool: only when everything in it is acknowledged."""
        for number in list(self._segments):
            self._unlink(number)
        (self.path / LOCK_NAME).unlink(missing_ok=True)
        self.path.rmdir()
        self.close()

    # --- writing

    def append(self, lines: bytes) -> None:
        """Write newline-terminated lines with one system call.

        Raises:
            SpoolFull: the lines are not in the spool.
        """
        if self.size_bytes + len(lines) > self.max_bytes:
            raise SpoolFull(f"The spool holds its limit of {self.max_bytes} bytes.")
        if self._write_fd < 0 or self._segments[self._current] + len(lines) > self._segment_bytes:
            self._rotate()
        self._write(lines)
        self._segments[self._current] += len(lines)

    def _rotate(self) -> None:
        if self._write_fd >= 0 and self._segments[self._current] == 0:
            return
        number = self._current + 1
        try:
            fd = os.open(
                self._segment_path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise SpoolFull(*error.args) from error
        if self._write_fd >= 0:
            os.close(self._write_fd)
        self._started[number] = time.time()
        self._segments[number] = 0
        self._write_fd = fd
        self._current = number

    def _write(self, lines: bytes) -> None:
        before = self._segments[self._current]
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._write_fd, lines[written:] if written else lines)
        except OSError as error:
            os.ftruncate(self._write_fd, before)
            raise SpoolFull(*error.args) from error

    # --- reading

    @property
    def size_bytes(self) -> int:
        """Bytes of complete lines on disk, acknowledged or not."""
        return sum(self._segments.values())

    @property
    def end(self) -> Position:
        """After the last complete line."""
        if not self._segments:
            return Position(self._current, 0)
        last = max(self._segments)
        return Position(last, self._segments[last])

    @property
    def first(self) -> Position:
        """Before the first line still on disk: everything earlier was acknowledged."""
        return Position(min(self._segments), 0) if self._segments else START

    def read(self, after: Position, max_bytes: int) -> Chunk | None:
        """Whole lines after ``after``: about ``max_bytes``, more only where one line is longer; None at the end."""
        segment, offset = after
        if offset >= self._segments.get(segment, 0):
            later = [number for number, size in list(self._segments.items()) if number > segment and size]
            if not later:
                return None
            segment, offset = min(later), 0
        available = self._segments[segment] - offset
        wanted = min(max_bytes, available)
        fd = self._reading(segment)
        data = os.pread(fd, wanted, offset)
        cut = data.rfind(b"\n") + 1
        while not cut and wanted < available:
            wanted = min(wanted * 2, available)
            data = os.pread(fd, wanted, offset)
            cut = data.rfind(b"\n") + 1
        return Chunk(data[:cut], Position(segment, offset + cut)) if cut else None

    def backlog_bytes(self, acked: Position) -> int:
        """Bytes that follow ``acked``."""
        total = sum(size for number, size in list(self._segments.items()) if number >= acked.segment)
        return total - (acked.offset if acked.segment in self._segments else 0)

    def oldest_s(self, acked: Position, now: float) -> float:
        """Upper bound of the age, in seconds, of the oldest line after ``acked``; 0 when there is none."""
        waiting = [
            number
            for number, size in list(self._segments.items())
            if number > acked.segment or (number == acked.segment and size > acked.offset)
        ]
        return max(0.0, now - self._started[min(waiting)]) if waiting else 0.0

    def release(self, acked: Position) -> None:
        """Delete the segments that end at or before ``acked``; the one being written stays."""
        for number in sorted(self._segments):
            finished = number != self._current or self._write_fd < 0
            if finished and Position(number, self._segments[number]) <= acked:
                self._unlink(number)

    def _reading(self, segment: int) -> int:
        if self._read_segment != segment or self._read_fd < 0:
            if self._read_fd >= 0:
                os.close(self._read_fd)
            self._read_fd = os.open(self._segment_path(segment), os.O_RDONLY | os.O_CLOEXEC)
            self._read_segment = segment
        return self._read_fd

    def _unlink(self, number: int) -> None:
        self._segment_path(number).unlink(missing_ok=True)
        self._segments.pop(number, None)
        self._started.pop(number, None)

    def _segment_path(self, number: int) -> Path:
        return self.path / f"{number:08d}{SEGMENT_SUFFIX}"


def complete_bytes(segment: Path) -> int:
    """Length of the segment up to and including its last newline: what follows was torn."""
    with segment.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position:
            start = max(0, position - 65_536)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            position = start
    return 0


def _segments_in(path: Path) -> list[tuple[int, Path]]:
    found = []
    for entry in path.iterdir():
        if entry.suffix == SEGMENT_SUFFIX and entry.stem.isdigit():
            found.append((int(entry.stem), entry))
    return sorted(found)
