"""What cannot be undone is done after its name is typed, with or without script."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class TypedNameForm(forms.Form):
    """The name of what is to end, typed again."""

    typed = forms.CharField(label="Type the name to go on", widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["typed"].help_text = f"“{expected}”"

    def clean_typed(self) -> str:
        """Exactly the name.

        Raises:
            ValidationError: it is another.
        """
        typed: str = self.cleaned_data["typed"]
        if typed.strip() != self.expected:
            raise ValidationError("This is not the name.")
        return typed
