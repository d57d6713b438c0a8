"""Form fields in which operators write name-value pairs and capabilities."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from contracts.specs import Capability
from routing.providers.registry import adapters


class PairsField(forms.CharField):
    """A JSON object of texts, written as one ``name: value`` a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "name: value"}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        """The pairs.

        Raises:
            ValidationError: a line is no pair, or a name comes twice; the message tells the line.
        """
        if isinstance(value, dict):
            return value
        pairs: dict[str, str] = {}
        for number, line in enumerate(str(value or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, colon, text = (part.strip() for part in line.partition(":"))
            if not colon or not name:
                raise ValidationError(f"Line {number}: write 'name: value'; a value may be empty.")
            if name in pairs:
                raise ValidationError(f"Line {number}: {name!r} is there already.")
            pairs[name] = text
        return pairs

    def prepare_value(self, value: Any) -> Any:
        """The object as lines; what was typed stays as it is."""
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the pairs differ, in whatever order."""
        try:
            return bool(self.to_python(data) != (initial or {}))
        except ValidationError:
            return True


class CapabilitiesField(forms.MultipleChoiceField):
    """What a model can do."""

    def __init__(self, *, compact: bool = False, **kwargs: Any) -> None:
        widget = UnfoldAdminSelect2MultipleWidget if compact else UnfoldAdminCheckboxSelectMultipleWidget
        super().__init__(
            choices=[(item.value, item.value.replace("_", " ")) for item in Capability],
            initial=[Capability.CHAT.value, Capability.STREAMING.value],
            widget=widget,
            error_messages={"required": "Give the model at least one capability."},
            help_text="A call that needs more than this skips the model.",
            **kwargs,
        )


class KindField(forms.ChoiceField):
    """The wire formats that adapters speak."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=lambda: [(kind, kind) for kind in sorted(adapters())],
            widget=UnfoldAdminSelectWidget,
            help_text="The wire format, and so the adapter that speaks it.",
            **kwargs,
        )
