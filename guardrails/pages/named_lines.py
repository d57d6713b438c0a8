"""A form's field for texts with names, one on a line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class NamedLinesField(forms.CharField):
    """``name = text`` on each line."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "rows": 3,
            "spellcheck": "false",
            "class": "code-input",
            "placeholder": "price = amounts(response.text)",
        }
        super().__init__(widget=forms.Textarea(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        """The texts by name.

        Raises:
            ValidationError: a line has no name, or a name is given twice.
        """
        text = super().clean(value)
        found: dict[str, str] = {}
        for line in filter(str.strip, text.splitlines()):
            name, separator, said = line.partition("=")
            name = name.strip()
            if not separator or not name or not said.strip():
                raise ValidationError("Write name = expression, one on a line.")
            if name in found:
                raise ValidationError(f"{name} is there twice.")
            found[name] = said.strip()
        return found

    def to_pairs(self, text: str) -> dict[str, str]:
        """The texts by name; nothing where a line is not yet complete."""
        try:
            found: dict[str, str] = self.clean(text)
        except ValidationError:
            return {}
        return found

    def prepare_value(self, value: Any) -> Any:
        """One on a line; what was typed stays as it is."""
        return "\n".join(f"{name} = {said}" for name, said in value.items()) if isinstance(value, dict) else value
