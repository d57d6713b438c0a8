"""Further lines of ``GET /health/detailed``: apps above the gateway register what they have to tell."""

from __future__ import annotations

from contracts.ports import DependencyProbe

_registered: dict[str, DependencyProbe] = {}


def register_probe(name: str, probe: DependencyProbe) -> None:
    """Have it asked under this name; one of the same name is replaced."""
    _registered[name] = probe


def registered_probes() -> dict[str, DependencyProbe]:
    """All of them, by name."""
    return dict(_registered)
