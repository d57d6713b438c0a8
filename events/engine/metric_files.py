"""Files of processes that are gone, in prometheus-client's multiprocess directory.

Their gauges are deleted. Their counters and histograms are added into one archive file per kind, so that totals
never go down and the directory does not grow with every restart of a worker.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, values

# prometheus-client has no annotations for these.
_read_file: Any = mmap_dict.MmapedDict.read_all_values_from_file
_open_file: Any = mmap_dict.MmapedDict
_multi_process_value: Any = values.MultiProcessValue

_FILE = re.compile(r"(?P<kind>[a-z_]+?)_(?P<pid>\d+)\.db")
ARCHIVE_PID = 0
"""No process has it; :class:`prometheus_client.multiprocess.MultiProcessCollector` adds the file like any other."""


def archive_dead_processes(directory: Path) -> int:
    """Merge and delete the files of processes that no longer run on this host; the number of files deleted."""
    directory.mkdir(parents=True, exist_ok=True)
    deleted = 0
    with _locked(directory, fcntl.LOCK_EX):
        for path in sorted(directory.glob("*.db")):
            match = _FILE.fullmatch(path.name)
            if match is None or _alive(int(match["pid"])):
                continue
            if not match["kind"].startswith("gauge"):
                _merge(path, directory / f"{match['kind']}_{ARCHIVE_PID}.db")
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


@contextmanager
def unchanging(directory: Path) -> Iterator[None]:
    """No file is merged meanwhile: a reader never counts one twice."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


def share_between_processes(directory: Path) -> None:
    """Keep the values of all metrics made from now on in files of ``directory``, to be added up over processes.

    prometheus-client decides this when it is first imported; done here, the order of imports does not matter.
    """
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    if not getattr(values.ValueClass, "_multiprocess", False):
        values.ValueClass = _multi_process_value()


@contextmanager
def _locked(directory: Path, mode: int) -> Iterator[None]:
    lock_fd = os.open(directory / "archive.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, mode)
        yield
    finally:
        os.close(lock_fd)


def _merge(path: Path, archive_path: Path) -> None:
    archive = _open_file(str(archive_path))
    try:
        for key, value, timestamp, _ in _read_file(str(path)):
            archive.write_value(key, archive.read_value(key)[0] + value, timestamp)
    finally:
        archive.close()


def _alive(pid: int) -> bool:
    if pid == ARCHIVE_PID:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
