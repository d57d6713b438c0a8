"""The form of an alert rule, in the units that people write."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from alerting.engine.signals import SIGNALS
from alerting.objectives import SLO
from alerting.owned import Severity
from alerting.pages.segments import EvaluatorField, SegmentField
from alerting.pages.words import UNITS, from_unit, to_unit
from alerting.rules import AlertRule
from tenants.models import Tenant
from tenants.pages.fields import InSections, shown_with

Kind = AlertRule.Kind
_KINDS = [
    (Kind.THRESHOLD, "A figure passes a limit"),
    (Kind.ANOMALY, "A figure is not what it usually is at this time"),
    (Kind.BURN_RATE, "An objective's error budget burns too fast"),
    (Kind.ABSENCE, "No calls come any more"),
]
_OWN = shown_with("kind=threshold")
_OF_SIGNAL = shown_with("kind=threshold,anomaly")
_UNUSUAL = shown_with("kind=anomaly")
_OWN_TIME = shown_with("kind=threshold,absence")
_NOT_BURNING = shown_with("kind=threshold,absence,anomaly")


def signal_choices(*, costs: bool) -> list[tuple[str, str]]:
    """Each with the unit that its limit is written in."""
    shown = [one for one in SIGNALS.values() if costs or not one.costs]
    return [(one.name, f"{one.title}{f' ({UNITS[one.unit]})' if UNITS[one.unit] else ''}") for one in shown]


class RuleForm(InSections, forms.Form):
    """What is looked at, from where on it is bad, and for how long."""

    name = forms.CharField(max_length=64, help_text="As incidents and messages name it.")
    kind = forms.ChoiceField(label="Fires when", choices=_KINDS, initial=Kind.THRESHOLD, widget=forms.RadioSelect)
    signal = forms.ChoiceField(
        label="Figure", required=False, initial="error_rate", widget=forms.Select(attrs=_OF_SIGNAL)
    )
    evaluator = EvaluatorField(
        label="Scores by",
        required=False,
        widget=forms.Select(attrs=shown_with("signal=score")),
        help_text="An evaluator that a live evaluation asks.",
    )
    operator = forms.ChoiceField(
        label="Is bad",
        choices=[("above", "Above"), ("below", "Below"), ("both", "Above or below (of what is usual)")],
        initial="above",
        required=False,
        widget=forms.Select(attrs=_OF_SIGNAL),
    )
    threshold = forms.FloatField(
        label="Limit",
        required=False,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", **_OWN}),
        help_text="In the unit beside the figure: percent, milliseconds, dollars, tokens.",
    )
    clear_threshold = forms.FloatField(
        label="Well again at",
        required=False,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", **_OWN}),
        help_text="Empty: 10% on the good side of the limit, so that it does not switch to and fro.",
    )
    sensitivity = forms.ChoiceField(
        choices=AlertRule.Sensitivity.choices,
        initial=AlertRule.Sensitivity.MEDIUM,
        required=False,
        widget=forms.Select(attrs=_UNUSUAL),
        help_text="How rare it has to be among all that the figure did before, in three of five minutes. It learns "
        "from the minutes there are, for a day at least.",
    )
    tolerance = forms.FloatField(
        label="Nobody minds (%)",
        required=False,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", **_UNUSUAL}),
        help_text="By how much it may be off, however quiet it was: of shares and scores in points, of others in "
        "percent of what is usual. Empty: what suits the figure.",
    )
    slo = forms.ModelChoiceField(
        label="Objective",
        queryset=SLO.objects.none(),
        required=False,
        widget=forms.Select(attrs=shown_with("kind=burn_rate")),
        empty_label="Choose an objective",
    )
    calls = SegmentField(label="Calls", required=False, widget=forms.Select(attrs=_NOT_BURNING))
    window_minutes = forms.IntegerField(
        label="Over the last minutes",
        min_value=1,
        max_value=120,
        initial=5,
        widget=forms.NumberInput(attrs=_NOT_BURNING),
        help_text="Each minute's value is that of so many minutes together.",
    )
    for_minutes = forms.IntegerField(
        label="For minutes",
        min_value=1,
        max_value=120,
        initial=2,
        widget=forms.NumberInput(attrs=_OWN_TIME),
        help_text="It lasts for so many before it fires.",
    )
    clear_minutes = forms.IntegerField(
        label="Over after minutes", min_value=1, max_value=120, initial=5, help_text="All is well for so many in a row."
    )
    min_requests = forms.IntegerField(
        label="At least calls",
        min_value=0,
        max_value=1_000_000,
        initial=20,
        help_text="Fewer tell nothing. For absence: so many came before.",
    )
    severity = forms.ChoiceField(
        choices=[(one.value, one.label) for one in reversed(Severity)],
        initial=Severity.WARNING.value,
        help_text="Of objectives the burn rate decides: fast is critical, slow a warning.",
    )
    description = forms.CharField(
        label="What to do",
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Messages and the incident show it.",
    )
    enabled = forms.BooleanField(label="Looked at every minute", required=False, initial=True)
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "kind")),
        (
            "What",
            "",
            (
                "signal",
                "evaluator",
                "operator",
                "threshold",
                "clear_threshold",
                "sensitivity",
                "tolerance",
                "slo",
                "calls",
            ),
        ),
        ("How long", "", ("window_minutes", "for_minutes", "clear_minutes", "min_requests")),
        ("Then", "", ("severity", "description", "enabled")),
    )

    def __init__(
        self, *args: Any, tenant: Tenant | None, rule: AlertRule | None = None, costs: bool = True, **kwargs: Any
    ) -> None:
        if rule is not None:
            kwargs["initial"] = _initial(rule)
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        kind = str(self.data.get("kind") or self.initial.get("kind") or Kind.THRESHOLD)
        # What the kind takes is not called optional.
        for name in ("signal", "operator"):
            self.fields[name].required = kind in (Kind.THRESHOLD, Kind.ANOMALY)
        self.fields["threshold"].required = kind == Kind.THRESHOLD
        self.fields["slo"].required = kind == Kind.BURN_RATE
        self.fields["calls"].required = kind != Kind.BURN_RATE
        self.fields["threshold"].error_messages["required"] = "Say from where on it is bad."
        self.fields["slo"].error_messages["required"] = "Say of which objective."
        self.fields["signal"].choices = signal_choices(costs=costs)  # type: ignore[attr-defined]
        self.fields["slo"].queryset = SLO.objects.filter(tenant=tenant)  # type: ignore[attr-defined]
        calls, evaluator = self.fields["calls"], self.fields["evaluator"]
        assert isinstance(calls, SegmentField)
        calls.offer(tenant, (rule.segment_kind, rule.segment) if rule else ("all", ""))
        assert isinstance(evaluator, EvaluatorField)
        evaluator.offer(tenant, rule.evaluator if rule else "")

    def values(self) -> dict[str, Any]:
        """For the service."""
        given = dict(self.cleaned_data)
        given["segment_kind"], given["segment"] = given.pop("calls", None) or ("all", "")
        kind = given["kind"]
        unit = SIGNALS[given["signal"]].unit if given.get("signal") in SIGNALS else ""
        for name in ("threshold", "clear_threshold"):
            given[name] = from_unit(given[name], unit) if kind == Kind.THRESHOLD else None
        if kind not in (Kind.THRESHOLD, Kind.ANOMALY):
            given["signal"], given["operator"] = "", "above"
        if given["signal"] != "score":
            given["evaluator"] = ""
        tolerance = given["tolerance"] if kind == Kind.ANOMALY else None
        given["tolerance"] = None if tolerance is None else tolerance / 100
        given["sensitivity"] = given["sensitivity"] or AlertRule.Sensitivity.MEDIUM.value
        if kind != Kind.BURN_RATE:
            given["slo"] = None
        else:
            given["segment_kind"], given["segment"] = "all", ""
        return given

    def draft(self) -> AlertRule:
        """The rule as it would be saved.

        Raises:
            ValidationError: it could not be.
        """
        row = AlertRule(tenant=self.tenant, **self.values())
        row.clean()
        return row


def _initial(rule: AlertRule) -> dict[str, Any]:
    signal = SIGNALS.get(rule.signal)
    unit = signal.unit if signal else ""
    shown = {
        name: getattr(rule, name)
        for name in (
            *("name", "kind", "signal", "evaluator", "operator", "window_minutes", "for_minutes", "clear_minutes"),
            *("min_requests", "severity", "description", "enabled", "sensitivity"),
        )
    }
    return {
        **shown,
        "threshold": to_unit(rule.threshold, unit),
        "clear_threshold": to_unit(rule.clear_threshold, unit),
        "tolerance": to_unit(rule.tolerance, "percent"),
        "slo": rule.slo_id,
        "calls": (rule.segment_kind, rule.segment),
    }
