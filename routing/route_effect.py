"""What a route does with calls as it is, and what it would do with them after a change that is not saved yet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.chat import Usage
from contracts.specs import Secret, Strategy, TargetSpec
from routing.compile import Compiler
from routing.engine.cost import cost_nanousd
from routing.models import Route, Target
from routing.route_shares import Figures, expected_shares
from routing.route_traffic import Traffic

TYPICAL_INPUT, TYPICAL_OUTPUT = 800, 250
"""Tokens of a call where the route has not had any."""


class _NoSecrets:
    """Credentials are of no consequence for what is shown."""

    def resolve(self, reference: str, *, tenant_id: str | None = None, version: int | None = None) -> Secret:
        """None at all."""
        return Secret("")


@dataclass(frozen=True, slots=True)
class Step:
    """Targets among which a call is shared out; the next step is for calls that this one could not answer."""

    number: int
    targets: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One target in a route's plan."""

    target: Target
    label: str
    usable: bool
    share: float
    """Of first attempts."""
    cost: int | None
    """Of a typical call, nano-dollars."""
    weight_share: float
    """Of its step, by weight alone."""
    note: str = ""
    """Why it gets nothing, where it cannot."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A route's plan in figures."""

    steps: tuple[Step, ...]
    cost: float | None
    """Expected cost of a typical call in nano-dollars; None where a price is unknown."""
    latency_ms: float | None
    """Expected median latency, from what the targets showed lately; None where one is unknown."""
    input_tokens: int
    output_tokens: int

    @property
    def parts(self) -> list[Part]:
        """All targets, in order."""
        return [part for step in self.steps for part in step.targets]


def effect_of(
    route: Route,
    targets: Sequence[Target],
    *,
    now: datetime,
    traffic: Mapping[str, Traffic],
    refusing: Sequence[str] = (),
    tenant_id: uuid.UUID | None = None,
) -> Effect:
    """The plan of this route with these targets, saved or not.

    ``traffic`` is by ``provider/model``; ``refusing`` are targets whose circuit is open; prices are this tenant's.
    """
    compiler = Compiler(secrets=_NoSecrets(), now=now, tenant_id=tenant_id)
    sizes = _typical(traffic)
    specs = {str(row.pk): compiler.target(row) for row in targets}
    usable = [specs[str(row.pk)] for row in targets if _why_not(row, refusing) == ""]
    figures = {spec.id: _figures(spec, traffic, sizes) for spec in specs.values()}
    strategy = Strategy(route.strategy)
    shares = expected_shares(strategy, usable, figures)
    parts = [
        Part(
            row,
            specs[str(row.pk)].label,
            specs[str(row.pk)] in usable,
            shares.get(str(row.pk), 0.0),
            figures[str(row.pk)].cost_nanousd,
            0.0,
            _why_not(row, refusing),
        )
        for row in targets
    ]
    return Effect(
        _steps(strategy, parts),
        _expected([(part.share, part.cost) for part in parts]),
        _expected([(part.share, _median(traffic, part.label)) for part in parts]),
        *sizes,
    )


def _steps(strategy: Strategy, parts: Sequence[Part]) -> tuple[Step, ...]:
    groups: dict[int, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.target.priority if strategy is Strategy.PRIORITY else 0, []).append(part)
    steps = []
    for number, key in enumerate(sorted(groups), start=1):
        total = sum(part.target.weight for part in groups[key] if part.usable)
        steps.append(
            Step(
                number,
                tuple(
                    Part(
                        part.target,
                        part.label,
                        part.usable,
                        part.share,
                        part.cost,
                        part.target.weight / total if total and part.usable else 0.0,
                        part.note,
                    )
                    for part in groups[key]
                ),
            )
        )
    return tuple(steps)


def _why_not(row: Target, refusing: Sequence[str]) -> str:
    if not row.enabled:
        return "switched off here"
    if not row.model.enabled:
        return "model switched off"
    if not row.model.provider.enabled:
        return "provider switched off"
    return "circuit open" if str(row.pk) in refusing else ""


def _typical(traffic: Mapping[str, Traffic]) -> tuple[int, int]:
    """Average tokens of a call, in and out."""
    known = [one for one in traffic.values() if one.calls and one.input_tokens is not None]
    calls = sum(one.calls for one in known)
    if not calls:
        return TYPICAL_INPUT, TYPICAL_OUTPUT
    return (
        round(sum((one.input_tokens or 0) * one.calls for one in known) / calls),
        round(sum((one.output_tokens or 0) * one.calls for one in known) / calls),
    )


def _figures(spec: TargetSpec, traffic: Mapping[str, Traffic], sizes: tuple[int, int]) -> Figures:
    usage = Usage(input_tokens=sizes[0], output_tokens=sizes[1])
    return Figures(latency_ms=_median(traffic, spec.label) or 0.0, cost_nanousd=cost_nanousd(usage, spec.model.price))


def _median(traffic: Mapping[str, Traffic], label: str) -> float | None:
    return traffic[label].p50_ms if label in traffic else None


def _expected(weighed: Sequence[tuple[float, float | None]]) -> float | None:
    used = [(share, value) for share, value in weighed if share > 0]
    if not used or any(value is None for _, value in used):
        return None
    return sum(share * (value or 0) for share, value in used)
