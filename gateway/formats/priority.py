"""Who goes first where calls wait for a place: the body's ``priority``, else the header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from contracts.chat import Priority
from contracts.errors import InvalidRequest

HEADER = "x-breakwater-priority"

_KNOWN = get_args(Priority)


def is_batch(given: Priority | None, headers: Mapping[str, str]) -> bool:
    """Whether the call waits behind interactive ones.

    Raises:
        InvalidRequest: the header names no priority.
    """
    priority = given or headers.get(HEADER) or "interactive"
    if priority not in _KNOWN:
        raise InvalidRequest(f"'{HEADER}' is one of {', '.join(_KNOWN)}, not {priority[:64]!r}.", param=HEADER)
    return priority == "batch"
