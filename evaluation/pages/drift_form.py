"""The form of a drift monitor, in the units that people write."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError

from evaluation.drift.rows import LEAST_VALUES, DriftMonitor
from evaluation.engine.drift_signals import DRIFT_SIGNALS, SAMPLES
from evaluation.pages.drift_words import length_in_words
from tenants.callable_names import callable_names
from tenants.models import ApiKey, Tenant
from tenants.pages.fields import InSections, MomentInput, explained, shown_with

EFFECT: Final = "effect_"
DEFAULT_SIGNALS: Final = ("latency", "cost", "input_length", "output_length", "failures", "guardrails", "refusals")
_WINDOWS: Final = [(60, "1 hour"), (360, "6 hours"), (1440, "1 day"), (4320, "3 days"), (10080, "7 days")]
_CADENCES: Final = [(15, "15 minutes"), (60, "hour"), (360, "6 hours"), (1440, "day")]
_LEVELS: Final = [("0.01", "1%"), ("0.05", "5%"), ("0.1", "10%")]
_MOST_KEYS: Final = 200
_PERIODS: Final = shown_with("reference=previous,daily,weekly")
_FIXED: Final = shown_with("reference=fixed")


class DriftForm(InSections, forms.Form):
    """What is looked at, what it is held to, and what counts."""

    name = forms.CharField(max_length=64, help_text="As incidents and messages name it.")
    signals = forms.MultipleChoiceField(label="Figures", widget=forms.CheckboxSelectMultiple)
    route = forms.ChoiceField(label="Route", required=False)
    model = forms.ChoiceField(label="Model that answered", required=False)
    key_id = forms.ChoiceField(label="API key", required=False)
    segment_by = forms.ChoiceField(
        label="Also each by itself",
        required=False,
        choices=DriftMonitor.Segments.choices,
        help_text="What moves in one route may be lost in all of them. The 12 with most calls are looked at.",
    )
    segment_tag = forms.CharField(
        label="Tag", required=False, max_length=64, widget=forms.TextInput(attrs=shown_with("segment_by=tag"))
    )
    window_minutes = forms.TypedChoiceField(label="The calls of the last", coerce=int, choices=_WINDOWS, initial=1440)
    reference = forms.ChoiceField(
        label="Are held to",
        choices=[
            (DriftMonitor.Reference.DAILY, explained("The same hours of earlier days", "Nights are held to nights.")),
            (DriftMonitor.Reference.WEEKLY, explained("The same hours of earlier weeks", "And Sundays to Sundays.")),
            (DriftMonitor.Reference.PREVIOUS, explained("What came right before", "Day and night count as drift.")),
            (DriftMonitor.Reference.FIXED, explained("A period that stays", "Since a release, say.")),
        ],
        initial=DriftMonitor.Reference.DAILY,
        widget=forms.RadioSelect,
    )
    periods = forms.IntegerField(
        label="So many of them",
        min_value=1,
        max_value=28,
        initial=7,
        required=False,
        widget=forms.NumberInput(attrs=_PERIODS),
        help_text="From four on, what these differ by from one another does not count as drift.",
    )
    reference_start = forms.DateTimeField(label="From", required=False, widget=MomentInput(attrs=_FIXED))
    reference_end = forms.DateTimeField(
        label="To",
        required=False,
        widget=MomentInput(attrs=_FIXED),
        help_text="Calls are kept as long as the tenant's retention says; older ones cannot be looked at.",
    )
    least_values = forms.IntegerField(
        label="At least calls",
        min_value=LEAST_VALUES,
        max_value=100_000,
        initial=100,
        help_text="In the window and in what it is held to, of each segment; with fewer nothing is told.",
    )
    level = forms.ChoiceField(
        label="May be chance",
        choices=_LEVELS,
        initial="0.05",
        help_text="Of what a look finds, over all figures and segments together.",
    )
    every_minutes = forms.TypedChoiceField(label="Looks every", coerce=int, choices=_CADENCES, initial=60)
    confirm = forms.IntegerField(
        label="Looks in a row",
        min_value=1,
        max_value=24,
        initial=2,
        help_text="That find the same before it counts; and that find nothing before it is over.",
    )
    severity = forms.ChoiceField(
        label="Opens an incident", required=False, choices=DriftMonitor.Severity.choices, initial="warning"
    )
    enabled = forms.BooleanField(label="Looked at by the clock", required=False, initial=True)
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "signals")),
        ("Which calls", "", ("route", "model", "key_id", "segment_by", "segment_tag")),
        ("When", "", ("window_minutes", "reference", "periods", "reference_start", "reference_end")),
        ("What counts", "", ("least_values", "level", "confirm", "every_minutes")),
        (
            "From which difference on it matters, in percent",
            "Of calls: the share of them that are elsewhere than before. Of meanings: how well now and before can be "
            "told apart; 18 is about a fifth of new questions.",
            tuple(EFFECT + name for name in DRIFT_SIGNALS),
        ),
        ("Then", "", ("severity", "enabled")),
    )

    def __init__(
        self, *args: Any, tenant: Tenant, monitor: DriftMonitor | None = None, costs: bool = True, **kwargs: Any
    ) -> None:
        if monitor is not None:
            kwargs["initial"] = _initial(monitor)
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.monitor, self.hidden = monitor, [] if costs else [one.name for one in DRIFT_SIGNALS.values() if one.costs]
        shown = [one for one in DRIFT_SIGNALS.values() if costs or not one.costs]
        self._offer("signals", [(one.name, explained(one.title, _about(one))) for one in shown])
        self.fields["signals"].initial = [name for name in DEFAULT_SIGNALS if name in {one.name for one in shown}]
        known = callable_names(tenant.pk)
        for name, offered in (("route", known.routes), ("model", known.models)):
            chosen = getattr(monitor, name, "")
            names = dict.fromkeys([*offered, *([chosen] if chosen else [])])
            self._offer(name, [("", "All"), *((one, one) for one in names)])
        keys = ApiKey.objects.for_tenant(tenant).order_by("name").values_list("pk", "name")[:_MOST_KEYS]
        offered_keys = {str(pk): name for pk, name in keys}
        if monitor is not None and monitor.key_id:
            offered_keys.setdefault(monitor.key_id, monitor.key_id)
        self._offer("key_id", [("", "All"), *offered_keys.items()])
        for name in ("window_minutes", "every_minutes"):
            _keep_choice(self.fields[name], getattr(monitor, name, None))
        if monitor is not None and f"{monitor.level:g}" not in dict(_LEVELS):
            self._offer("level", [*_LEVELS, (f"{monitor.level:g}", f"{monitor.level:.2%}")])
        for one in shown:
            self.fields[EFFECT + one.name] = forms.FloatField(
                label=one.title,
                required=False,
                min_value=0,
                max_value=100,
                widget=forms.NumberInput(
                    attrs={"step": "any", "inputmode": "decimal", "placeholder": f"{one.least:.0%}"[:-1]}
                ),
            )

    def _offer(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """For the service."""
        given = {name: value for name, value in self.cleaned_data.items() if not name.startswith(EFFECT)}
        fixed = given["reference"] == DriftMonitor.Reference.FIXED
        given["periods"] = 1 if fixed else given["periods"] or 1
        if not fixed:
            given["reference_start"] = given["reference_end"] = None
        if given["segment_by"] != DriftMonitor.Segments.TAG:
            given["segment_tag"] = ""
        # What this person does not see stays as it is.
        before = self.monitor or DriftMonitor(signals=[], least_effects={})
        wanted = {*given["signals"], *(name for name in before.signals if name in self.hidden)}
        given["signals"] = [name for name in DRIFT_SIGNALS if name in wanted]
        given["level"] = float(given["level"])
        given["least_effects"] = {
            name.removeprefix(EFFECT): round(value / 100, 6)
            for name, value in self.cleaned_data.items()
            if name.startswith(EFFECT) and value is not None
        } | {name: effect for name, effect in before.least_effects.items() if name in self.hidden}
        return given

    def draft(self) -> DriftMonitor:
        """The monitor as it would be saved.

        Raises:
            ValidationError: it could not be.
        """
        row = DriftMonitor(tenant=self.tenant, **self.values())
        row.clean()
        return row

    def clean(self) -> dict[str, Any]:
        """Fields of what is not chosen say nothing."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.draft()
            except ValidationError as refusal:
                for name, errors in refusal.error_dict.items():
                    self.add_error(name if name in self.fields else None, errors)
        return cleaned


def _keep_choice(field: Any, chosen: int | None) -> None:
    """A value that the API gave is on offer as well."""
    if chosen is not None and chosen not in dict(field.choices):
        field.choices = sorted([*field.choices, (chosen, length_in_words(chosen))])


def _about(signal: Any) -> str:
    return f"{signal.about} Needs a live evaluation." if signal.source == SAMPLES else signal.about


def _initial(monitor: DriftMonitor) -> dict[str, Any]:
    names = (
        *("name", "signals", "route", "model", "key_id", "segment_by", "segment_tag", "window_minutes", "reference"),
        *("periods", "reference_start", "reference_end", "least_values", "every_minutes", "confirm", "severity"),
        "enabled",
    )
    shown = {name: getattr(monitor, name) for name in names}
    effects = {EFFECT + name: round(effect * 100, 6) for name, effect in monitor.least_effects.items()}
    return {**shown, **effects, "level": f"{monitor.level:g}"}
