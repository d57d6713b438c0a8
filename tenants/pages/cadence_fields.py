"""Form fields that say when something is done again and again."""

from __future__ import annotations

import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from tenants.cadence import LAST_DAY, WEEKDAYS, Cadence, Every, check
from tenants.pages.fields import shown_with
from tenants.scheduled import EVERY, Scheduled

CADENCE: Final = ("every", "weekday", "day", "time", "cron")
"""Names of the fields, in the order of the form."""


class CadenceForm(forms.Form):
    """For forms of rows that are :class:`tenants.scheduled.Scheduled`."""

    every = forms.ChoiceField(label="How often", choices=EVERY, initial=Every.DAY.value)
    weekday = forms.TypedChoiceField(
        label="On",
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        empty_value="0",
        required=False,
        widget=forms.Select(attrs=shown_with("every=weekly")),
    )
    day = forms.IntegerField(
        label="On day",
        min_value=1,
        max_value=LAST_DAY,
        initial=1,
        required=False,
        widget=forms.NumberInput(attrs=shown_with("every=monthly")),
        help_text=f"Of the month, 1 to {LAST_DAY}.",
    )
    time = forms.TimeField(
        label="At",
        initial=datetime.time(6, 0),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", **shown_with("every=daily,weekly,monthly")}),
    )
    cron = forms.CharField(
        label="Crontab",
        max_length=100,
        required=False,
        widget=forms.TextInput(
            attrs={"placeholder": "30 6 * * 1-5", "spellcheck": "false", **shown_with("every=cron")}
        ),
        help_text="Minute, hour, day of month, month, day of week; at most once an hour.",
    )

    def clock_of(self, zone: str) -> None:
        """Say by whose clock the time counts."""
        self.fields["time"].help_text = f"By the clock of {zone}. An hour that summer time skips comes an hour later."

    def clean(self) -> dict[str, Any]:
        """The cadence means something.

        Raises:
            ValidationError: it does not; beside the field that is wrong.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors.keys() & set(CADENCE):
            try:
                check(self.cadence)
            except ValueError as problem:
                field = "cron" if cleaned["every"] == Every.CRON else "every"
                raise ValidationError({field: str(problem)}) from problem
        return cleaned

    @property
    def cadence(self) -> Cadence:
        """What was chosen."""
        return Cadence(**self.cadence_values())

    def cadence_values(self) -> dict[str, Any]:
        """For the service. What the choice has no use for stays as it is by default."""
        given = self.cleaned_data
        at = given.get("time") or datetime.time(6, 0)
        return {
            "every": given["every"],
            "weekday": int(given.get("weekday") or 0),
            "day": given.get("day") or 1,
            "hour": at.hour,
            "minute": at.minute,
            "cron": given.get("cron") or "",
        }


def cadence_initial(row: Scheduled) -> dict[str, Any]:
    """What the fields hold of a row."""
    return {
        "every": row.every,
        "weekday": row.weekday,
        "day": row.day,
        "time": datetime.time(row.hour, row.minute),
        "cron": row.cron,
    }
