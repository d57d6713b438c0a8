"""The form of an action."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms

from alerting.actions.rows import AlertAction
from alerting.channel_rows import Channel
from alerting.owned import Severity
from alerting.rules import AlertRule
from guardrails.models import Policy
from routing.models import Route, Target
from tenants.models import Tenant
from tenants.pages.fields import InSections, shown_with

Kind = AlertAction.Kind
NEEDS: Final = {
    Kind.DRAIN.value: "target",
    Kind.BREAKER.value: "target",
    Kind.DEGRADE.value: "keep",
    Kind.POLICY.value: "policy",
    Kind.ROUTE.value: "route",
    Kind.HOOK.value: "channel",
}
_WHOLE: Final = forms.NumberInput


class ActionForm(InSections, forms.Form):
    """What is done, when, and how often at most."""

    name = forms.CharField(max_length=64, help_text="As the incident's timeline and the audit log name it.")
    kind = forms.ChoiceField(label="What is done", choices=Kind.choices, initial=Kind.DRAIN, widget=forms.RadioSelect)
    target = forms.ModelChoiceField(
        queryset=Target.objects.none(),
        required=False,
        empty_label="Choose a target",
        widget=forms.Select(attrs=shown_with("kind=drain_target,open_breaker")),
        help_text="It gets no calls until this is undone; circuits close by themselves. A healthy one must be left.",
    )
    open_minutes = forms.IntegerField(
        label="Open for minutes",
        min_value=1,
        max_value=120,
        initial=10,
        widget=_WHOLE(attrs=shown_with("kind=open_breaker")),
        help_text="Then some calls probe the target.",
    )
    keep = forms.ModelMultipleChoiceField(
        label="Served by",
        queryset=Target.objects.none(),
        required=False,
        widget=forms.SelectMultiple(attrs=shown_with("kind=degrade_route")),
        help_text="Targets of one route that serve it in degraded mode, and no others, even if they are off now.",
    )
    policy = forms.ModelChoiceField(
        queryset=Policy.objects.none(),
        required=False,
        empty_label="Choose a policy",
        widget=forms.Select(attrs=shown_with("kind=roll_back_policy")),
        help_text="The version before is put in force, where the present one is not older than a day.",
    )
    route = forms.ModelChoiceField(
        queryset=Route.objects.none(),
        required=False,
        empty_label="Choose a route",
        widget=forms.Select(attrs=shown_with("kind=roll_back_route")),
        help_text="Its targets, strategy, attempts and cache are put back. If somebody changes it meanwhile, it stays.",
    )
    within_minutes = forms.IntegerField(
        label="Changed within minutes",
        min_value=1,
        max_value=1_440,
        initial=60,
        widget=_WHOLE(attrs=shown_with("kind=roll_back_route")),
        help_text="Before the alert began. Where nothing was changed then, nothing is done.",
    )
    channel = forms.ModelChoiceField(
        label="Webhook",
        queryset=Channel.objects.none(),
        required=False,
        empty_label="Choose a webhook",
        widget=forms.Select(attrs=shown_with("kind=call_hook")),
        help_text="It gets a signed request of type action.rollback, and action.undone when this is undone.",
    )
    rule = forms.ModelChoiceField(
        label="While this rule fires",
        queryset=AlertRule.objects.none(),
        required=False,
        empty_label="Any rule",
    )
    from_severity = forms.ChoiceField(
        label="From severity",
        choices=[(one.value, one.label) for one in reversed(Severity)],
        initial=Severity.CRITICAL.value,
        help_text="Alerts below it are left alone.",
    )
    after_minutes = forms.IntegerField(
        label="After minutes", min_value=0, max_value=1_440, initial=5, help_text="So long the alert has to hold."
    )
    max_per_hour = forms.IntegerField(label="At most an hour", min_value=1, max_value=60, initial=1)
    max_per_day = forms.IntegerField(label="At most a day", min_value=1, max_value=100, initial=3)
    cooldown_minutes = forms.IntegerField(
        label="Rests for minutes",
        min_value=0,
        max_value=10_080,
        initial=30,
        help_text="After each time, and each undo.",
    )
    undo_on_clear = forms.BooleanField(
        label="Undo it when the alert is over",
        required=False,
        help_text="What somebody changed since is left as it is.",
    )
    dry_run = forms.BooleanField(
        label="Dry run",
        required=False,
        initial=True,
        help_text="Nothing is changed: the incident says what would have been done. Watch a few, then switch it off.",
    )
    enabled = forms.BooleanField(label="On", required=False, initial=True)
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "kind")),
        ("What", "", ("target", "open_minutes", "keep", "policy", "route", "within_minutes", "channel")),
        ("When", "", ("rule", "from_severity", "after_minutes")),
        ("Limits", "", ("max_per_hour", "max_per_day", "cooldown_minutes", "undo_on_clear", "dry_run", "enabled")),
    )

    def __init__(self, *args: Any, tenant: Tenant | None, action: AlertAction | None = None, **kwargs: Any) -> None:
        if action is not None:
            kwargs["initial"] = _initial(action)
        super().__init__(*args, **kwargs)
        targets = Target.objects.filter(route__tenant=tenant).select_related("route", "model__provider")
        rows: dict[str, Any] = {
            "target": targets.order_by("route__name", "priority"),
            "keep": targets.order_by("route__name", "priority"),
            "policy": Policy.objects.filter(tenant=tenant),
            "route": Route.objects.filter(tenant=tenant),
            "channel": Channel.objects.filter(tenant=tenant, kind=Channel.Kind.WEBHOOK),
            "rule": AlertRule.objects.filter(tenant=tenant),
        }
        for name, queryset in rows.items():
            self.fields[name].queryset = queryset  # type: ignore[attr-defined]
        kind = str(self.data.get("kind") or self.initial.get("kind") or Kind.DRAIN)
        for name in set(NEEDS.values()):
            self.fields[name].required = name == NEEDS.get(kind)
            self.fields[name].error_messages["required"] = "Say which."
        self.fields["open_minutes"].required = kind == Kind.BREAKER
        self.fields["within_minutes"].required = kind == Kind.ROUTE

    def values(self) -> dict[str, Any]:
        """For the service."""
        given = dict(self.cleaned_data)
        given["keep"] = [row.pk for row in given["keep"] or ()]
        for name in ("open_minutes", "within_minutes"):
            given[name] = given[name] or getattr(AlertAction(), name)
        return given


def _initial(action: AlertAction) -> dict[str, Any]:
    names = (
        *("name", "kind", "from_severity", "after_minutes", "max_per_hour", "max_per_day", "cooldown_minutes"),
        *("open_minutes", "within_minutes", "undo_on_clear", "dry_run", "enabled", "keep"),
    )
    related = {name: getattr(action, f"{name}_id") for name in ("target", "policy", "route", "channel", "rule")}
    return {**{name: getattr(action, name) for name in names}, **related}
