"""The cache's part of a route's form, the same in the console and in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from routing.kept_answers import CACHE_FIELDS
from routing.models import Route

if TYPE_CHECKING:
    Base = forms.ModelForm[Route]
else:
    Base = object


class CacheSettings(Base):
    """Mix it into a model form: what is left empty about the cache stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CACHE_FIELDS:
            self.fields[name].required = False

    def clean(self) -> dict[str, Any] | None:
        """With what is there already where nothing was sent."""
        values = super().clean()
        values = self.cleaned_data if values is None else values
        for name in CACHE_FIELDS:
            if values.get(name) in (None, "") and name not in self.errors:
                values[name] = getattr(self.instance, name)
        return values
