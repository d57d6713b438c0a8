"""What is kept of a tenant's calls, and for how long."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings

from tenants.models import Tenant
from tenants.pages.settings_general import SettingsForm
from tenants.pages.tenants_create import STORAGE_CHOICES


class DataForm(forms.ModelForm):  # type: ignore[type-arg]
    """Storage and retention."""

    payload_storage = forms.ChoiceField(
        label="What is kept of prompts and answers",
        choices=STORAGE_CHOICES,
        widget=forms.RadioSelect,
        help_text="Holds for calls from now on. What is kept already stays until its time is over.",
    )

    class Meta:
        """Numbers of days; empty for the platform's."""

        model = Tenant
        fields: ClassVar[tuple[str, ...]] = (
            "payload_storage",
            "payload_retention_days",
            "event_retention_days",
            "ledger_retention_days",
        )
        labels: ClassVar[dict[str, str]] = {
            "payload_retention_days": "Days that prompts and answers stay",
            "event_retention_days": "Days that calls and their events stay",
            "ledger_retention_days": "Days that single usage records stay",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = {
            "payload_retention_days": (settings.PAYLOAD_RETENTION_DAYS, "Never longer than the calls themselves."),
            "event_retention_days": (
                settings.EVENT_RETENTION_DAYS,
                f"At most {settings.EVENT_RETENTION_DAYS}, which is how long the platform keeps any.",
            ),
            "ledger_retention_days": (
                settings.LEDGER_RETENTION_DAYS,
                "Sums by day, which reports and statements are made of, stay for good.",
            ),
        }
        for name, (default, explained) in days.items():
            field = self.fields[name]
            field.help_text = f"Empty: {default:,}, the platform's setting. {explained}"
            field.widget.attrs |= {"placeholder": str(default), "inputmode": "numeric"}

    def clean_event_retention_days(self) -> int | None:
        """Not longer than the platform keeps anything."""
        days: int | None = self.cleaned_data["event_retention_days"]
        if days is not None and days > settings.EVENT_RETENTION_DAYS:
            raise forms.ValidationError(
                f"The platform keeps calls for {settings.EVENT_RETENTION_DAYS:,} days: write that or less."
            )
        return days


class SettingsData(SettingsForm):
    """Change them."""

    template_name = "console/settings/data.html"
    form_class = DataForm  # type: ignore[assignment]
    title, submit_label = "What is kept, and for how long", "Save"
    success_message = "Saved. It holds for calls from now on."
