"""Form fields of the pages of keys, limits and budgets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contracts.money import to_nano_usd, to_usd
from tenants.validators import ACCESS_TAG, validate_cidr

_BETWEEN = re.compile(r"[,\s]+")


class DollarsField(forms.DecimalField):
    """US dollars in the form, nano-dollars in the row."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"})
        super().__init__(min_value=0, max_digits=18, decimal_places=9, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        """The nano-dollars of what was written; None for nothing."""
        dollars = super().clean(value)
        return None if dollars is None else to_nano_usd(dollars)

    def prepare_value(self, value: Any) -> Any:
        """The stored nano-dollars as dollars; what was typed stays as it is."""
        return format(to_usd(value), "f") if isinstance(value, int) else value


class PercentagesField(forms.CharField):
    """Whole percentages with commas between them, as a list of numbers."""

    def clean(self, value: Any) -> Any:
        """The numbers, ascending.

        Raises:
            ValidationError: something between two commas is no whole number from 1 to 1000.
        """
        text = super().clean(value)
        parts = [part.removesuffix("%") for part in _BETWEEN.split(text) if part not in ("", "%")]
        if not all(part.isdecimal() and 1 <= int(part) <= 1_000 for part in parts):
            raise ValidationError("Write whole percentages with commas between them, such as 50, 80, 100.")
        return sorted({int(part) for part in parts})

    def prepare_value(self, value: Any) -> Any:
        """The numbers as text; what was typed stays as it is."""
        return ", ".join(map(str, value)) if isinstance(value, list) else value


class AddressBlocksField(forms.CharField):
    """Address blocks (CIDR), one per line or with commas between them, as a list."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"rows": 2, "placeholder": "10.0.0.0/8, 192.0.2.17", "spellcheck": "false"}
        super().__init__(required=False, widget=forms.Textarea(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        """The blocks, each once.

        Raises:
            ValidationError: one of them is no address block.
        """
        blocks = list(dict.fromkeys(part for part in _BETWEEN.split(super().clean(value)) if part))
        for block in blocks:
            validate_cidr(block)
        return blocks

    def prepare_value(self, value: Any) -> Any:
        """One per line; what was typed stays as it is."""
        return "\n".join(value) if isinstance(value, list) else value


class AccessTagsField(forms.CharField):
    """Access tags with commas between them, as a list."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"spellcheck": "false", "autocomplete": "off"}
        super().__init__(required=False, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        """The tags, each once.

        Raises:
            ValidationError: one of them is no tag.
        """
        tags = list(dict.fromkeys(part for part in _BETWEEN.split(super().clean(value)) if part))
        for tag in tags:
            ACCESS_TAG(tag)
        return tags

    def prepare_value(self, value: Any) -> Any:
        """With commas; what was typed stays as it is."""
        return ", ".join(value) if isinstance(value, list) else value


class NamesField(forms.MultipleChoiceField):
    """Some of the names that there are; names that the row has already stay on offer."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, names: Iterable[str], chosen: Iterable[str] = ()) -> None:
        """Let people choose among these."""
        known = dict.fromkeys([*names, *chosen])
        self.choices = [(name, name) for name in known]


class InSections:
    """For forms with more fields than people take in at once."""

    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = ()
    """Title, explanation and names of the fields; a section whose fields are all missing is left out."""
    if TYPE_CHECKING:
        fields: dict[str, forms.Field]

    @property
    def parts(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """The sections with their fields."""
        found = [
            (title, text, [self[name] for name in names if name in self.fields])  # type: ignore[index]
            for title, text, names in self.sections
        ]
        return [part for part in found if part[2]]


def shown_with(choice: str) -> dict[str, str]:
    """Attributes of a widget that is shown only with this choice: ``expires=at``, ``level=team,key``."""
    return {"data-shown-with": choice}


EXPIRIES = {
    "never": ("Never", None),
    "7d": ("In 7 days", timedelta(days=7)),
    "30d": ("In 30 days", timedelta(days=30)),
    "90d": ("In 90 days", timedelta(days=90)),
    "365d": ("In a year", timedelta(days=365)),
}
"""What most people want; any other moment is written out."""


class MomentInput(forms.DateTimeInput):
    """A date and time in the viewer's zone."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str | None:
        """As the browser's control wants it."""
        if isinstance(value, datetime):
            local = timezone.localtime(value) if timezone.is_aware(value) else value
            return f"{local:%Y-%m-%dT%H:%M}"
        return value or None


def explained(title: str, text: str) -> SafeString:
    """The label of a choice with what it means below it."""
    return format_html('<span class="choice-text">{}<span class="cell-detail">{}</span></span>', title, text)
