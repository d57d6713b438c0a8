"""The form of one rule."""

from __future__ import annotations

from typing import Any

from django import forms

from contracts.guardrails import Action, OnError, RuleSpec, Stage
from guardrails.engine.kinds import RuleKind
from guardrails.pages.option_fields import PREFIX, option_fields, options_of
from guardrails.pages.words import ACTIONS, ON_ERROR, STAGES
from guardrails.validators import MAX_DEADLINE_MS, rule_problems
from tenants.pages.fields import InSections, explained, shown_with

FAST_DEADLINE_MS, DEEP_DEADLINE_MS = 50, 2_000
USUAL_STAGES = (Stage.INPUT, Stage.OUTPUT)


class RuleForm(InSections, forms.Form):
    """Name, stages and action; what the kind takes; what happens when it is slow."""

    name = forms.CharField(max_length=100, help_text="As events and refusals name it.")
    stages = forms.MultipleChoiceField(
        label="Look at",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    action = forms.ChoiceField(label="When it matches", widget=forms.RadioSelect)
    reroute_to = forms.CharField(
        label="Other route",
        max_length=128,
        required=False,
        help_text="Name of the route that takes the call.",
        widget=forms.TextInput(attrs=shown_with("action=reroute")),
    )
    message = forms.CharField(
        label="Message to the caller",
        max_length=500,
        required=False,
        help_text="Empty: a sentence that names the rule.",
        widget=forms.TextInput(attrs=shown_with("action=block")),
    )
    shadow = forms.BooleanField(
        label="Shadow: only tell", required=False, help_text="Events say what the rule would do; calls go on untouched."
    )
    deadline_ms = forms.IntegerField(
        label="Deadline (ms)", min_value=1, max_value=MAX_DEADLINE_MS, help_text="How long one text may take."
    )
    on_error = forms.ChoiceField(
        label="If it fails or is too slow",
        choices=[(value, words.label) for value, words in ON_ERROR.items()],
        initial=OnError.ALLOW.value,
    )

    def __init__(self, *args: Any, kind: RuleKind, rule: RuleSpec | None = None, **kwargs: Any) -> None:
        self.kind, self.rule = kind, rule
        kwargs["initial"] = {**self._initial(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        for field, words, offered in (("stages", STAGES, kind.stages), ("action", ACTIONS, kind.actions)):
            choices = [(value, explained(one.label, one.text)) for value, one in words.items() if value in offered]
            self.fields[field].choices = choices  # type: ignore[attr-defined]
        self.fields |= option_fields(kind)
        for name, value in (rule.options if rule else {}).items():
            if PREFIX + name in self.fields:
                self.initial[PREFIX + name] = value

    def _initial(self) -> dict[str, Any]:
        if self.rule is None:
            first = [stage.value for stage in USUAL_STAGES if stage in self.kind.stages]
            return {
                "name": self.kind.title,
                "stages": first or sorted(self.kind.stages),
                "action": Action.FLAG.value,
                "deadline_ms": DEEP_DEADLINE_MS if self.kind.deep else FAST_DEADLINE_MS,
            }
        rule = self.rule
        return {
            "name": rule.name,
            "stages": sorted(rule.stages),
            "action": rule.action.value,
            "reroute_to": rule.reroute_to,
            "message": rule.message,
            "shadow": rule.shadow,
            "deadline_ms": rule.deadline_ms,
            "on_error": rule.on_error.value,
        }

    @property
    def sections(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:  # type: ignore[override]
        """The kind's own fields stand in the middle."""
        own = tuple(name for name in self.fields if name.startswith(PREFIX))
        return (
            ("", "", ("name",)),
            (f"{self.kind.title}: what to look for", self.kind.description, own),
            ("Where, and what then", "", ("stages", "action", "reroute_to", "message", "shadow")),
            ("Time", "", ("deadline_ms", "on_error")),
        )

    def clean(self) -> dict[str, Any]:
        """The rule as a whole: what its kind cannot do is said beside the field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            for field, message in rule_problems(self.spec(cleaned)):
                name = field.replace("options.", PREFIX) if field.startswith("options.") else field
                self.add_error(name if name in self.fields else None, message)
        return cleaned

    def spec(self, cleaned: dict[str, Any]) -> RuleSpec:
        """The rule; a new one gets its id when it is put into the draft."""
        return RuleSpec(
            id=self.rule.id if self.rule else "new-rule",
            name=cleaned["name"],
            kind=self.kind.name,
            stages=frozenset(Stage(value) for value in cleaned["stages"]),
            action=Action(cleaned["action"]),
            options=options_of(self.kind, cleaned),
            deadline_ms=cleaned["deadline_ms"],
            on_error=OnError(cleaned["on_error"]),
            shadow=cleaned["shadow"],
            reroute_to=cleaned["reroute_to"] if cleaned["action"] == Action.REROUTE else "",
            message=cleaned["message"] if cleaned["action"] == Action.BLOCK else "",
        )
