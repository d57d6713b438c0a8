"""Puts a route back to what it was: how it serves calls, not which calls it serves.

Its name, what it matches and whether it is on stay: an experiment that is taken back must not move other calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from routing.kept_answers import CACHE_FIELDS
from routing.models import Model, Route
from routing.route_design import ATTEMPT_FIELDS, BREAKER_FIELDS, TARGET_FIELDS, Design, save_design
from routing.services import TargetChoice

SERVING_FIELDS = ("strategy", *ATTEMPT_FIELDS, *CACHE_FIELDS)
"""Besides the targets, what is put back."""


def serving_of(design: Design) -> Design:
    """The part of a design that is put back."""
    return {**{name: design[name] for name in SERVING_FIELDS}, "targets": design["targets"]}


def serves_alike(one: Design, other: Design) -> bool:
    """Whether two designs serve calls in the same way; ids of targets and names of models tell nothing."""
    return _bare(one) == _bare(other)


def _bare(design: Design) -> Design:
    targets = {target["model"]: {name: target[name] for name in TARGET_FIELDS} for target in design["targets"]}
    return {**{name: design[name] for name in SERVING_FIELDS}, "targets": targets}


@transaction.atomic
def put_back(*, route: Route, design: Design, seen: str | None = None) -> bool:
    """Have the route serve calls as in this design again, as one change; whether that changed anything.

    ``seen`` is the fingerprint of the design that somebody looked at when they decided to.

    Raises:
        ValidationError: a model of the design is gone, or the route is not any more as it was seen.
    """
    models = models_of(route, design)
    choices = [_choice(target, models[target["model"]]) for target in design["targets"]]
    return save_design(route=route, fields={name: design[name] for name in SERVING_FIELDS}, targets=choices, seen=seen)


def models_of(route: Route, design: Design) -> dict[str, Model]:
    """The models of a design's targets by their ids.

    Raises:
        ValidationError: one is gone.
    """
    usable = Q(provider__tenant=None) | Q(provider__tenant=route.tenant_id)
    rows = Model.objects.filter(usable, pk__in=[target["model"] for target in design["targets"]])
    found = {str(row.pk): row for row in rows.select_related("provider")}
    gone = [target["label"] or "a model" for target in design["targets"] if target["model"] not in found]
    if gone:
        raise ValidationError(f"That version cannot be put back: {', '.join(gone)} is not there any more.")
    return found


def _choice(target: Mapping[str, Any], model: Model) -> TargetChoice:
    breaker = {name.removeprefix("breaker_"): target[name] for name in BREAKER_FIELDS if target.get(name) is not None}
    return TargetChoice(
        model=model,
        priority=target["priority"],
        weight=target["weight"],
        drop_params=tuple(target["drop_params"]),
        enabled=target["enabled"],
        breaker=breaker,
    )
