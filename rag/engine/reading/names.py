"""What a file is by its name."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath
from typing import Final

_BY_SUFFIX: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}


def type_by_name(name: str, told: str = "") -> str:
    """Its media type, which browsers know less of than we do; ``told`` is what was sent with it."""
    known = _BY_SUFFIX.get(PurePath(name).suffix.lower()) or mimetypes.guess_type(name)[0]
    return known or told or "application/octet-stream"
