"""Archives are looked at before they are unpacked: a few kilobytes can hold gigabytes."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from rag.engine.reading.result import Unreadable

MAX_UNPACKED: Final = 200_000_000
MAX_FILES: Final = 5_000
MAX_RATIO: Final = 200
_SMALL: Final = 1_000_000
"""Below this nothing is too well compressed: empty tables are."""


def check_archive(content: bytes) -> frozenset[str]:
    """The names in it.

    Raises:
        Unreadable: it is broken or encrypted, or would be too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Unreadable("broken", "The file is broken: it cannot be unpacked.") from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("encrypted", "The file is protected by a password.")
    unpacked = sum(entry.file_size for entry in entries)
    swollen = any(
        entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(entry.compress_size, 1) for entry in entries
    )
    if unpacked > MAX_UNPACKED or len(entries) > MAX_FILES or swollen:
        raise Unreadable("archive_too_large", "Unpacked, the file would be too large.")
    return frozenset(entry.filename for entry in entries)
