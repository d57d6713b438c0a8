"""What stands in a text in place of what was found, where findings overlap as well."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from contracts.guardrails import Action, Finding
from guardrails.engine.masking import Masking


class Found(msgspec.Struct, frozen=True):
    """A finding and what follows from it."""

    finding: Finding
    action: Action
    order: int
    """Place of the rule among all that apply."""
    enforced: bool
    """False: it is only told of."""

    @property
    def replaces(self) -> bool:
        """Whether its characters are to go."""
        return self.enforced and self.action in (Action.REDACT, Action.MASK)


class Cluster(msgspec.Struct):
    """Findings that overlap, directly or through others."""

    start: int
    end: int
    members: list[Found]


def clusters(found: Iterable[Found]) -> list[Cluster]:
    """All findings, in order, those that overlap together."""
    made: list[Cluster] = []
    for one in sorted(found, key=lambda one: (one.finding.start, one.finding.end, one.order)):
        start, end = one.finding.start, one.finding.end
        if made and start < made[-1].end:
            made[-1].end = max(made[-1].end, end)
            made[-1].members.append(one)
        else:
            made.append(Cluster(start, end, [one]))
    return made


def rewritten(text: str, found: Iterable[Found], masking: Masking | None) -> str:
    """The text without what is to go.

    Characters that several rules want gone go once, all of them: masked if one of the rules masks, and named by
    the surest finding, of equally sure ones the longest, of those the first rule's.
    """
    pieces: list[str] = []
    until = 0
    for cluster in clusters(one for one in found if one.replaces):
        pieces.append(text[until : cluster.start])
        pieces.append(_placeholder(text[cluster.start : cluster.end], cluster.members, masking))
        until = cluster.end
    pieces.append(text[until:])
    return "".join(pieces)


def _placeholder(value: str, members: list[Found], masking: Masking | None) -> str:
    best = min(members, key=lambda one: (-one.finding.score, one.finding.start - one.finding.end, one.order))
    entity = best.finding.entity
    if masking is not None and any(one.action is Action.MASK for one in members):
        return masking.placeholder(entity, value)
    return f"[{entity}]"
