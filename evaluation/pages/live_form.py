"""The form of a live evaluation."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from evaluation.live.kinds import is_deep, live_evaluators
from evaluation.live.services import evaluators_of
from evaluation.models import Evaluator, LiveEvaluation
from evaluation.pages.evaluators import title_of
from tenants.callable_names import callable_names
from tenants.models import Tenant
from tenants.pages.fields import DollarsField, InSections, explained

_SAME = (
    *("name", "enabled", "routes", "model_names", "modes", "min_per_hour", "max_per_hour", "prompts_per_minute"),
    "judge_budget_nanousd",
)

_MODES = ("direct", "rag")


class TagsField(forms.CharField):
    """``name=value`` on each line, as a dictionary."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "placeholder": "app=shop", "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        """The pairs.

        Raises:
            ValidationError: a line has no name or no value.
        """
        found = {}
        for line in str(super().clean(value) or "").splitlines():
            name, _, wanted = (part.strip() for part in line.partition("="))
            if not name and not wanted:
                continue
            if not name or not wanted:
                raise ValidationError("Write a name and a value with = between them, one pair a line.")
            found[name] = wanted
        return found

    def prepare_value(self, value: Any) -> Any:
        """One pair a line; what was typed stays as it is."""
        return "\n".join(f"{name}={wanted}" for name, wanted in value.items()) if isinstance(value, dict) else value


class LiveEvaluationForm(InSections, forms.Form):
    """Which calls, how many of them, and who scores them."""

    name = forms.CharField(max_length=100)
    enabled = forms.BooleanField(label="Calls are sampled", required=False, initial=True)
    evaluators = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="Those that need an expected answer are not offered: live calls have none.",
    )
    routes = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, help_text="None: all.")
    model_names = forms.MultipleChoiceField(
        label="Models", required=False, widget=forms.CheckboxSelectMultiple, help_text="That answered. None: all."
    )
    modes = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="As applications ask for it. None: all.",
    )
    tags = TagsField(help_text="Calls that have all of these, one name=value a line. Empty: any.")
    percent = forms.FloatField(
        label="Share of the calls, percent", min_value=0, max_value=100, initial=5,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="Drawn by chance, the same by all gateways.",
    )  # fmt: skip
    min_per_hour = forms.IntegerField(
        label="At least, an hour and route", min_value=0, max_value=10_000, initial=20,
        help_text="Whatever the share: quiet routes are seen as well.",
    )  # fmt: skip
    max_per_hour = forms.IntegerField(
        label="At most, an hour and route", min_value=1, max_value=100_000, initial=1_000,
    )  # fmt: skip
    prompts_per_minute = forms.IntegerField(
        label="Prompts added up, a minute and route", min_value=0, max_value=600, initial=30,
        help_text="As vectors, without texts: rules on “Shift of prompts” see within minutes that other things are "
        "asked. Of each gateway worker. 0: none.",
    )  # fmt: skip
    deep_percent = forms.FloatField(
        label="Judges are asked about, percent", min_value=0, max_value=100, initial=20,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="Of the sampled calls: judges cost money, other evaluators score all of them.",
    )  # fmt: skip
    judge_budget_nanousd = DollarsField(
        label="Judges cost at most, US dollars a day", initial=1_000_000_000,
        help_text="Then they are not asked until midnight (UTC).",
    )  # fmt: skip
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "enabled")),
        ("Who scores", "", ("evaluators",)),
        (
            "Which calls",
            "Calls of evaluations, judges and the playground are left out.",
            ("routes", "model_names", "modes", "tags"),
        ),
        (
            "How many",
            "",
            ("percent", "min_per_hour", "max_per_hour", "prompts_per_minute", "deep_percent", "judge_budget_nanousd"),
        ),
    )

    def __init__(self, *args: Any, tenant: Tenant, row: LiveEvaluation | None = None, **kwargs: Any) -> None:
        if row is not None:
            kwargs["initial"] = _initial(row)
        super().__init__(*args, **kwargs)
        self._known = {str(one.pk): one for one in live_evaluators(tenant.pk)}
        names = callable_names(tenant.pk)
        self._offer("evaluators", [(pk, explained(one.name, _about(one))) for pk, one in self._known.items()])
        self._offer("routes", _names(names.routes, row.routes if row else []))
        self._offer("model_names", _names(names.models, row.model_names if row else []))
        self._offer("modes", _names(_MODES, row.modes if row else []))

    def values(self) -> dict[str, Any]:
        """For the service."""
        given = dict(self.cleaned_data)
        given["rate"], given["deep_rate"] = given.pop("percent") / 100, given.pop("deep_percent") / 100
        given["evaluators"] = [self._known[pk] for pk in given["evaluators"]]
        return given

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def _about(one: Evaluator) -> str:
    return f"{title_of(one.kind)}{', asks a model' if is_deep(one.kind) else ''}"


def _names(known: Any, chosen: list[str]) -> list[tuple[str, Any]]:
    return [(one, one) for one in dict.fromkeys([*known, *chosen])]


def _initial(row: LiveEvaluation) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _SAME},
        "tags": row.tags,
        "percent": round(row.rate * 100, 6),
        "deep_percent": round(row.deep_rate * 100, 6),
        "evaluators": [str(one.pk) for one in evaluators_of(row)],
    }
