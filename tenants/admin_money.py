"""Form fields in which operators write amounts of money."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from contracts.money import to_nano_usd, to_usd


class UsdField(forms.DecimalField):
    """US dollars in the form, nano-dollars in the row."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0"}))
        super().__init__(min_value=0, max_digits=18, decimal_places=9, **kwargs)

    def clean(self, value: Any) -> Any:
        """The nano-dollars of what was written; None for nothing."""
        dollars = super().clean(value)
        return None if dollars is None else to_nano_usd(dollars)

    def prepare_value(self, value: Any) -> Any:
        """The stored nano-dollars as dollars; what was typed stays as it is."""
        return format(to_usd(value), "f") if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the amounts differ, however they are written."""
        try:
            written = self.to_python(data)
        except ValidationError:
            return True
        stored = None if initial is None else to_usd(int(initial))
        return bool(written != stored)


def usd(label: str, **kwargs: Any) -> UsdField:
    """An amount with its unit in the label."""
    return UsdField(label=f"{label} ($)", **kwargs)
