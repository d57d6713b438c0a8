"""Further lines of ``GET /health/detailed`` and ``GET /metrics``: apps above the gateway register what they tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from contracts.ports import DependencyProbe

log = logging.getLogger(__name__)

_registered: dict[str, DependencyProbe] = {}


def register_probe(name: str, probe: DependencyProbe) -> None:
    """Have it asked under this name; one of the same name is replaced."""
    _registered[name] = probe


def registered_probes() -> dict[str, DependencyProbe]:
    """All of them, by name."""
    return dict(_registered)


class MetricGauge(NamedTuple):
    """A gauge without labels: :func:`read` is called with each scrape, in a thread, and says None for no value."""

    name: str
    text: str
    read: Callable[[], float | None]


_gauges: dict[str, MetricGauge] = {}


def register_gauge(gauge: MetricGauge) -> None:
    """Have it in ``/metrics``; one of the same name is replaced."""
    _gauges[gauge.name] = gauge


def registered_gauges() -> list[MetricGauge]:
    """All of them, by name."""
    return [_gauges[name] for name in sorted(_gauges)]


def gauge_lines() -> bytes:
    """As Prometheus reads them; those without a value are left out."""
    found = [(one, _read(one)) for one in registered_gauges()]
    return "".join(
        f"# HELP {one.name} {one.text}\n# TYPE {one.name} gauge\n{one.name} {value}\n"
        for one, value in found
        if value is not None
    ).encode()


def _read(gauge: MetricGauge) -> float | None:
    try:
        return gauge.read()
    except Exception:  # boundary: one that cannot be read keeps no other metric back
        log.exception("the gauge %s cannot be read", gauge.name)
        return None
