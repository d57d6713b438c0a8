"""The editor's forms: a route, and its targets row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict

from contracts.specs import BreakerSpec
from routing.admin_fields import PairsField
from routing.cache_form import CacheSettings
from routing.models import Model, Route, Target
from routing.pages.routes_words import STRATEGIES
from routing.route_design import BREAKER_FIELDS, ROUTE_FIELDS, TARGET_FIELDS, Design
from routing.services import TargetChoice
from routing.validators import validate_droppable

if TYPE_CHECKING:
    RouteFormBase = forms.ModelForm[Route]
    TargetFormBase = forms.ModelForm[Target]
else:
    RouteFormBase = TargetFormBase = forms.ModelForm

MOST_TARGETS = 50
_ROW = re.compile(r"targets-(\d{1,3})-model")
_BREAKER_DEFAULTS = BreakerSpec()


class WordsField(forms.CharField):
    """A list of words, separated by commas, spaces or lines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """The words, each once."""
        if isinstance(value, list):
            return value
        return list(dict.fromkeys(word for word in re.split(r"[\s,;]+", str(value or "")) if word))

    def prepare_value(self, value: Any) -> Any:
        """The list with commas."""
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the words differ."""
        return self.to_python(initial) != self.to_python(data)


class KnownModel(forms.ChoiceField):
    """One of the models that were read once for all rows."""

    known: Mapping[str, Model]

    def clean(self, value: Any) -> Model | None:
        """The model.

        Raises:
            ValidationError: none is chosen, or one that the route may not use.
        """
        return self.known.get(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another one is chosen."""
        return str(initial or "") != str(data or "")


def _lines(placeholder: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 2, "placeholder": placeholder, "spellcheck": "false"})


class RouteForm(CacheSettings, RouteFormBase):
    """A route's own fields."""

    strategy = forms.ChoiceField(
        choices=[(words.value, words.label) for words in STRATEGIES.values()],
        widget=forms.RadioSelect,
        label="Strategy",
    )
    match_modes = WordsField(label="Modes", help_text="Such as direct, rag, separated by commas. Empty: any.")
    match_tags = PairsField(
        label="Tags", widget=_lines("team: search"), help_text="One “name: value” a line; without a value: any."
    )
    match_headers = PairsField(
        label="Headers", widget=_lines("x-region: eu"), help_text="One “name: value” a line; without a value: any."
    )

    class Meta:
        """All fields but the owner."""

        model = Route
        fields: ClassVar[tuple[str, ...]] = ROUTE_FIELDS
        labels: ClassVar[dict[str, str]] = {
            "is_default": "Default route",
            "order": "Order",
            "hedge": "Hedge slow calls",
            "sticky_by_user": "Keep an end user on one target",
            "enabled": "Enabled",
            "cache_mode": "Answers that are kept",
            "cache_ttl_s": "Kept for (s)",
            "cache_max_entries": "Most answers",
            "cache_max_mib": "Most MiB",
            "cache_only_unsampled": "Only calls with temperature 0",
            "cache_hit_percent": "Price of a hit (%)",
            "cache_confidence_percent": "Confidence for other words (%)",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "name": "What callers write as the model of their request.",
            "enabled": "A disabled route is not there for callers.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("retry_max_attempts", "retry_per_target"):
            self.fields[name].widget.attrs.update(min=1, max=20)

    def fields_to_save(self) -> dict[str, Any]:
        """What the service takes."""
        return {name: self.cleaned_data[name] for name in ROUTE_FIELDS}


class TargetForm(TargetFormBase):
    """One row of the table of targets."""

    model = KnownModel(label="Model", error_messages={"required": "Choose a model, or remove the row."})
    drop_params = WordsField(
        label="Leave out",
        help_text="Parameters that this target may ignore, such as seed, logit_bias; others it lacks are refused.",
    )

    class Meta:
        """The route is the page's."""

        model = Target
        fields: ClassVar[tuple[str, ...]] = ("model", *TARGET_FIELDS)
        labels: ClassVar[dict[str, str]] = {"model": "Model", "priority": "Priority", "enabled": "On"}

    def __init__(
        self, *args: Any, known: Mapping[str, Model], choices: Sequence[Any], route: Route, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.instance.route = route
        field = self.fields["model"]
        assert isinstance(field, KnownModel)
        field.known, field.choices = known, choices
        for name in BREAKER_FIELDS:
            default = getattr(_BREAKER_DEFAULTS, name.removeprefix("breaker_"))
            self.fields[name].widget.attrs.update(placeholder=f"{default:g}", step="any")
            self.fields[name].help_text = ""
        self.fields["weight"].widget.attrs["max"] = 1_000_000

    def clean_drop_params(self) -> list[str]:
        """Only what a request still makes sense without."""
        words: list[str] = self.cleaned_data["drop_params"]
        for word in words:
            validate_droppable(word)
        return words

    def validate_unique(self) -> None:
        """Rows may change places; the table looks for models that are there twice."""

    def validate_constraints(self) -> None:
        """As for :meth:`validate_unique`; the service checks them as it saves."""

    def _widget(self, name: str, css: str = "form-control form-control-sm") -> str:
        invalid = " is-invalid" if self[name].errors else ""
        return self[name].as_widget(attrs={"class": f"{css}{invalid}"})

    @property
    def model_widget(self) -> str:
        """The choice of models."""
        return self._widget("model", "form-select form-select-sm")

    @property
    def priority_widget(self) -> str:
        """The step's number."""
        return self._widget("priority")

    @property
    def weight_widget(self) -> str:
        """The weight's number."""
        return self._widget("weight")

    @property
    def enabled_widget(self) -> str:
        """Whether calls go there."""
        return self._widget("enabled", "form-check-input")

    @property
    def drop_widget(self) -> str:
        """The parameters that may be left out."""
        return self._widget("drop_params")

    @property
    def more_widgets(self) -> list[tuple[forms.BoundField, str]]:
        """The breaker's fields."""
        return [(self[name], self._widget(name)) for name in BREAKER_FIELDS]

    @property
    def further_set(self) -> bool:
        """Whether one of those has a value or an error."""
        return any(self[name].value() or self[name].errors for name in ("drop_params", *BREAKER_FIELDS))


class TargetRows:
    """The table of targets: as many rows as are sent."""

    def __init__(self, route: Route, design: Design | None, data: QueryDict | None = None) -> None:
        self.route = route
        self._rows = {str(row.pk): row for row in usable_models(route)}
        self._choices = _grouped(self._rows.values())
        self.forms = self._sent(data) if data is not None else self._given(design)

    def _form(self, prefix: str, **kwargs: Any) -> TargetForm:
        return TargetForm(
            prefix=prefix, known=self._rows, choices=self._choices, route=self.route, auto_id="id_%s", **kwargs
        )

    def _given(self, design: Design | None) -> list[TargetForm]:
        targets = design["targets"] if design else []
        return [self._form(f"targets-{number}", initial=target) for number, target in enumerate(targets)]

    def _sent(self, data: QueryDict) -> list[TargetForm]:
        numbers = sorted({int(match[1]) for name in data if (match := _ROW.fullmatch(name))})
        forms_ = [self._form(f"targets-{number}", data=data) for number in numbers[:MOST_TARGETS]]
        return sorted(forms_, key=_step)

    def add(self) -> None:
        """One more row, as the last step."""
        taken = [int(form.prefix.rpartition("-")[2]) for form in self.forms if form.prefix]
        steps = [_step(form) for form in self.forms]
        initial = {"priority": max(steps, default=-1) + 1, "weight": 1, "enabled": True}
        self.forms.append(self._form(f"targets-{max(taken, default=-1) + 1}", initial=initial))

    def remove(self, prefix: str) -> None:
        """Without the row of this prefix."""
        self.forms = [form for form in self.forms if form.prefix != prefix]

    @property
    def blank(self) -> TargetForm:
        """The row that scripts copy."""
        return self._form("targets-000", initial={"priority": 0, "weight": 1, "enabled": True})

    def is_valid(self) -> bool:
        """Every row, and no model twice."""
        fine = all([form.is_valid() for form in self.forms])
        seen: set[Any] = set()
        for form in self.forms:
            model = form.cleaned_data.get("model") if hasattr(form, "cleaned_data") else None
            if model is not None and model.pk in seen:
                form.add_error("model", "The route has this target already.")
                fine = False
            elif model is not None:
                seen.add(model.pk)
        return fine

    def chosen(self) -> list[TargetChoice]:
        """What the service takes, of valid rows."""
        return [_choice(form.cleaned_data) for form in self.forms]

    def targets(self, present: Mapping[Any, Target]) -> list[Target]:
        """The targets as they would be, unsaved; ``present`` are those there now, by their models' ids."""
        found = []
        for form in self.forms:
            model = form.cleaned_data["model"]
            target = Target(route=self.route, model=model)
            if (same := present.get(model.pk)) is not None:
                target.pk = same.pk
            for name in TARGET_FIELDS:
                setattr(target, name, form.cleaned_data[name])
            found.append(target)
        return found


def _choice(values: Mapping[str, Any]) -> TargetChoice:
    return TargetChoice(
        model=values["model"],
        priority=values["priority"],
        weight=values["weight"],
        enabled=values["enabled"],
        drop_params=tuple(values["drop_params"]),
        breaker={name.removeprefix("breaker_"): values[name] for name in BREAKER_FIELDS if values[name] is not None},
    )


def _step(form: TargetForm) -> int:
    try:
        return int(form["priority"].value())
    except (TypeError, ValueError):
        return 0


def usable_models(route: Route) -> QuerySet[Model]:
    """What the route's owner may send calls to: models at the platform's providers and at its own."""
    owner = Q(provider__tenant=None)
    if route.tenant_id is not None:
        owner |= Q(provider__tenant=route.tenant_id)
    rows = Model.objects.filter(owner).select_related("provider").prefetch_related("prices")
    return rows.order_by("provider__name", "name", "id")


def _grouped(rows: Any) -> list[Any]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        off = "" if row.enabled and row.provider.enabled else " (off)"
        groups.setdefault(row.provider.name, []).append((str(row.pk), f"{row}{off}"))
    return [("", "Choose a model"), *groups.items()]


def problems(form: RouteForm, rows: TargetRows) -> dict[str, list[str]]:
    """What is wrong, by the names of the page's fields."""
    found: dict[str, list[str]] = {}
    every: list[RouteForm | TargetForm] = [form, *rows.forms]
    for one in every:
        for name, errors in one.errors.items():
            found[one[name].html_name if name in one.fields else ""] = [str(error) for error in errors]
    return found
