"""Which calls a rule or an objective looks at, as one choice."""

from __future__ import annotations

import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from contracts.live_samples import score_names_of
from events.traffic.measures import PLATFORM, Kind
from events.traffic.reading import Stretch, ranking
from events.traffic.scores import ScorePart
from tenants.models import ApiKey, Tenant

_BACK_S = 7 * 86_400
_MOST = 100


_MOST_PARTS = 2_000


class EvaluatorField(forms.ChoiceField):
    """Whose scores are looked at, by the evaluator's name."""

    def offer(self, tenant: Tenant | None, chosen: str = "") -> None:
        """Those that score live calls, or did in the last week, and the one that is chosen already."""
        scope = PLATFORM if tenant is None else str(tenant.pk)
        now = int(time.time()) // 3600 * 3600
        parts = ranking(scope, Kind.SCORE, Stretch(now - _BACK_S, now + 3600), limit=_MOST_PARTS)
        names = {ScorePart.of(one.part).evaluator for one in parts} | ({chosen} if chosen else set())
        if tenant is not None:
            names.update(score_names_of(tenant.pk))
        empty = "Choose an evaluator" if names else "None scores live calls yet"
        self.choices = [("", empty), *((name, name) for name in sorted(names))]


class SegmentField(forms.ChoiceField):
    """``all``, or a kind and a name with a colon between them."""

    def offer(self, tenant: Tenant | None, chosen: tuple[str, str] = ("all", "")) -> None:
        """What had calls in the last week, and what is chosen already."""
        scope = PLATFORM if tenant is None else str(tenant.pk)
        now = int(time.time()) // 3600 * 3600
        stretch = Stretch(now - _BACK_S, now + 3600)
        groups: list[Any] = [("all", "All calls")]
        for name, kind, title in (("route", Kind.ROUTE, "Routes"), ("model", Kind.MODEL, "Models")):
            parts = {one.part for one in ranking(scope, kind, stretch, limit=_MOST) if one.part}
            if chosen[0] == name:
                parts.add(chosen[1])
            if parts:
                groups.append((title, [(f"{name}:{part}", part) for part in sorted(parts)]))
        if tenant is not None:
            keys = ApiKey.objects.for_tenant(tenant).order_by("name").values_list("pk", "name")[:_MOST]
            if keys:
                groups.append(("API keys", [(f"key:{pk}", name) for pk, name in keys]))
        self.choices = groups

    def clean(self, value: Any) -> Any:
        """Kind and name.

        Raises:
            ValidationError: it is not on offer.
        """
        kind, _, part = str(super().clean(value)).partition(":")
        if kind != "all" and not part:
            raise ValidationError("Say which one.")
        return kind, part

    def prepare_value(self, value: Any) -> Any:
        """As the choices write it."""
        if isinstance(value, tuple):
            return "all" if value[0] == "all" else ":".join(value)
        return value
