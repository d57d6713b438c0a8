"""Files of processes that are gone, in prometheus-client's multiprocess directory.

Their gauges are deleted. Their counters and histograms are added into one archive file per kind, so that totals
never go down and the directory does not grow with every restart of a worker.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

_FILE = re.compile(r"(?P<kind>[a-z_]+?)_(?P<pid>\d+)\.db")
ARCHIVE_PID = 0
"""No process has it; :class:`prometheus_client.multiprocess.MultiProcessCollector` adds the file like any other."""


def archive_dead_processes(directory: Path) -> int:
    """Merge and delete the files of processes that no longer run on this host; the number of files deleted."""
    directory.mkdir(parents=True, exist_ok=True)
    deleted = 0
    lock_fd = os.open(directory / "archive.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        for path in sorted(directory.glob("*.db")):
            match = _FILE.fullmatch(path.name)
            if match is None or _alive(int(match["pid"])):
                continue
            if not match["kind"].startswith("gauge"):
                _merge(path, directory / f"{match['kind']}_{ARCHIVE_PID}.db")
            path.unlink(missing_ok=True)
            deleted += 1
    finally:
        os.close(lock_fd)
    return deleted


def _merge(path: Path, archive_path: Path) -> None:
    archive = MmapedDict(str(archive_path))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(path)):
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
