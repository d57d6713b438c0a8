"""Which incident an alert belongs to: alerts of one owner that begin together and concern the same calls are one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

TOGETHER_S: Final = 30 * 60
"""An alert joins an incident that had one begin at most so long before."""
AGAIN_S: Final = 15 * 60
"""A rule that fires again so soon after its incident was over goes on with that one."""
EVERYTHING: Final = "all"


class Candidate(msgspec.Struct, frozen=True):
    """An incident that an alert may belong to; times are Unix seconds."""

    id: str
    segments: frozenset[str]
    """Of its alerts; :data:`EVERYTHING` for whole tenants."""
    rules: frozenset[str]
    last_began_s: int
    """When the last of its alerts began."""
    resolved_s: int | None = None


def incident_for(segment: str, rule: str, began_s: int, candidates: Iterable[Candidate]) -> str:
    """Id of the incident, the youngest where several fit; empty where the alert is the first of a new one."""
    fitting = [one for one in candidates if _fits(segment, rule, began_s, one)]
    return max(fitting, key=lambda one: one.last_began_s).id if fitting else ""


def _fits(segment: str, rule: str, began_s: int, one: Candidate) -> bool:
    if one.resolved_s is not None:
        return rule in one.rules and began_s - one.resolved_s <= AGAIN_S
    if rule in one.rules:
        return True
    if abs(began_s - one.last_began_s) > TOGETHER_S:
        return False
    return segment in one.segments or EVERYTHING in one.segments or segment == EVERYTHING
