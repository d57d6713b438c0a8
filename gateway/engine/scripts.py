"""The Lua scripts that Redis runs, put together from their parts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent / "lua"


class Script(msgspec.Struct, frozen=True):
    """A script and the name under which Redis keeps it."""

    text: str
    sha: str


def _script(*parts: str) -> Script:
    text = "\n".join((_FOLDER / part).read_text(encoding="utf-8") for part in parts)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


ADMISSION = _script("windows.lua", "places.lua", "spending.lua", "admission.lua")
REBASE = _script("spending.lua", "rebase.lua")
HAND_ON = _script("hand_on.lua")
