"""The file with the demo's clear keys and its people's password, for its owner's eyes only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec


class LiveKey(msgspec.Struct, frozen=True):
    """A key that works."""

    tenant: str
    name: str
    feature: str
    key: str
    share: float

    def __repr__(self) -> str:
        return f"LiveKey({self.tenant}, {self.name})"


class _Kept(msgspec.Struct, frozen=True):
    password: str
    keys: list[LiveKey]


def write(path: Path, *, password: str, keys: Sequence[dict[str, Any]]) -> None:
    """Write the file anew, readable by its owner only from the first instant on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode({"password": password, "keys": list(keys)}), indent=2))


def read(path: Path) -> list[LiveKey]:
    """The keys.

    Raises:
        OSError: the file is not there: the demo was made elsewhere.
    """
    return msgspec.json.decode(path.read_bytes(), type=_Kept).keys
