"""Which rows weights were learnt from, so that none of them counts as unseen when they are judged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag.engine.support.trees import FOLDER, Array

_TEXTS = ("premise", "hypothesis", "query", "response")


def fingerprint(row: Mapping[str, Any]) -> int:
    """Of a row's texts, labels aside."""
    text = "\0".join(str(row[name]) for name in _TEXTS if name in row)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fingerprints(rows: Sequence[Mapping[str, Any]]) -> Array:
    """Of all rows."""
    return np.array(sorted({fingerprint(row) for row in rows}), dtype=np.uint64)


def learnt_from(rows: Sequence[Mapping[str, Any]]) -> Array:
    """Whether the shipped weights learnt from each row."""
    with np.load(FOLDER / "learnt_from.npz") as found:
        known = set(found["rows"].tolist())
    return np.array([fingerprint(row) in known for row in rows])
