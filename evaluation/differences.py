"""What two versions of a golden set have that the other has not, and what is not the same in both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from evaluation.golden_sets import items_of
from evaluation.models import GoldenItem, GoldenVersion

MOST_SHOWN: Final = 200
"""Of each kind: more would not be read."""
FIELDS: Final = ("input", "expected", "context", "rubric", "tags", "split")


@dataclass(frozen=True, slots=True)
class Changed:
    """An item that is in both versions, and not the same."""

    before: GoldenItem
    after: GoldenItem
    fields: tuple[str, ...]


@dataclass(slots=True)
class Differences:
    """From one version to another; lists are cut, numbers are not."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    same: int = 0
    added_items: list[GoldenItem] = field(default_factory=list)
    removed_items: list[GoldenItem] = field(default_factory=list)
    changed_items: list[Changed] = field(default_factory=list)


def differences(old: GoldenVersion, new: GoldenVersion) -> Differences:
    """By key and content; of items only digests are read, and of those that are shown everything."""
    before = dict(items_of(old).values_list("key", "digest"))
    after = dict(items_of(new).values_list("key", "digest"))
    added = [key for key in after if key not in before]
    removed = [key for key in before if key not in after]
    changed = [key for key, digest in after.items() if key in before and before[key] != digest]
    was = {row.key: row for row in items_of(old).filter(key__in=changed[:MOST_SHOWN])}
    now = {row.key: row for row in items_of(new).filter(key__in=changed[:MOST_SHOWN])}
    return Differences(
        added=len(added),
        removed=len(removed),
        changed=len(changed),
        same=len(after) - len(added) - len(changed),
        added_items=list(items_of(new).filter(key__in=added[:MOST_SHOWN])),
        removed_items=list(items_of(old).filter(key__in=removed[:MOST_SHOWN])),
        changed_items=[Changed(was[key], now[key], _fields(was[key], now[key])) for key in changed[:MOST_SHOWN]],
    )


def _fields(before: GoldenItem, after: GoldenItem) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if getattr(before, name) != getattr(after, name))
