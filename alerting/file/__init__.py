"""``observability.yaml``: who is told, what is promised, what raises an alert, and what follows when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alerting.file import channels, escalations, rules, slos
from alerting.file.entries import Part
from routing.configuration.located import Section
from routing.configuration.run import Run

PARTS: tuple[Part[Any], ...] = (channels.PART, slos.PART, rules.PART, escalations.PART)
"""In the order in which one names another."""


class ObservabilityFile:
    """A row that is named here is exactly as it is written; the others stay, or go where that is asked for."""

    name = "observability.yaml"

    def apply(self, top: Section, run: Run) -> None:
        """Create and change rows."""
        for part in PARTS:
            for name, entry, tenant in part.entries(top, run):
                part.apply(part.found(name, tenant), entry, run)
                entry.finish()
        top.finish()

    def remove(self, top: Section, run: Run) -> None:
        """Delete what the file no longer has, where that is asked for; else note it."""
        for part in reversed(PARTS):
            named = [part.found(name, tenant).pk for name, _entry, tenant in part.entries(top, run)]
            for row in part.model.objects.exclude(pk__in=named).select_related("tenant"):
                if run.prune:
                    run.delete(row, top, part.section, by=part.delete)
                else:
                    run.keep(row)

    def export(self) -> dict[str, Any] | None:
        """All rows, what is at its default left out."""
        return dict(_exported()) or None


def _exported() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for part in PARTS:
        rows = part.model.objects.select_related("tenant").order_by("tenant__slug", "name")
        if entries := [part.entry(row) for row in rows]:
            yield part.section, entries
