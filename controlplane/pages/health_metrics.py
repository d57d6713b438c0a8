"""What the processes of this machine have counted: the figures of ``/metrics`` that the page about health reads."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from django.conf import settings
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from events.engine.metric_files import unchanging

_multi_process_collector: Any = MultiProcessCollector


class Figures:
    """Samples by name, added up over labels unless one is asked for."""

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)

    def add(self, name: str, labels: dict[str, str], value: float) -> None:
        """One sample."""
        self._samples[name].append((labels, value))

    def sum(self, name: str) -> float | None:
        """None where nobody counts that."""
        found = self._samples.get(name)
        return sum(value for _, value in found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The values by one label."""
        found: dict[str, float] = defaultdict(float)
        for labels, value in self._samples.get(name, ()):
            found[labels.get(label, "")] += value
        return dict(found)


def read_figures() -> Figures:
    """Of this machine's processes; empty where there is no directory of theirs."""
    figures = Figures()
    directory = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    if not directory.is_dir():
        return figures
    registry = CollectorRegistry()
    _multi_process_collector(registry, str(directory))
    with unchanging(directory):
        for family in registry.collect():
            for sample in family.samples:
                figures.add(sample.name, dict(sample.labels), sample.value)
    return figures
