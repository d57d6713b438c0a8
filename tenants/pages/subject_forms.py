"""What forms of limits and budgets have in common: whose they are."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from tenants.models import ApiKey, Team, Tenant
from tenants.pages.fields import InSections, explained, shown_with
from tenants.subjects import SubjectLevel

MOST_KEYS = 300
"""Keys in the select; any other is found by its id or the start of the key."""

LEVELS = {
    SubjectLevel.TENANT: ("The whole tenant", "All calls together."),
    SubjectLevel.TEAM: ("A team", "All calls with the team's keys together."),
    SubjectLevel.KEY: ("A key", "Its calls, also after it was rotated."),
    SubjectLevel.USER: ("Each end user", "Each value of “user” in calls by itself. Calls without one are not counted."),
}


class SubjectForm(InSections, forms.Form):
    """Whose calls are counted."""

    level = forms.ChoiceField(
        label="Whose calls",
        choices=[(level.value, explained(*words)) for level, words in LEVELS.items()],
        widget=forms.RadioSelect,
        initial=SubjectLevel.TENANT.value,
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        required=False,
        empty_label="Choose a team",
        widget=forms.Select(attrs=shown_with("level=team")),
    )
    key = forms.CharField(
        required=False,
        max_length=64,
        help_text="Its name, how it begins, or its id.",
        widget=forms.TextInput(
            attrs={"list": "keys-known", "autocomplete": "off", "spellcheck": "false", **shown_with("level=key")}
        ),
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.fields["team"].queryset = Team.objects.for_tenant(tenant).order_by("name")  # type: ignore[attr-defined]
        self.keys = ApiKey.objects.for_tenant(tenant).usable(timezone.now()).order_by("name")

    @property
    def known_keys(self) -> list[tuple[str, str]]:
        """What is suggested: id, and name with the visible part."""
        return [
            (str(key.pk), f"{key.name} ({key.shown})")
            for key in self.keys.only("id", "name", "prefix", "last_four")[:MOST_KEYS]
        ]

    def clean_key(self) -> ApiKey | None:
        """The key of this id, start or name.

        Raises:
            ValidationError: the tenant has no such key, or several.
        """
        text = self.cleaned_data["key"].strip()
        if not text:
            return None
        rows = ApiKey.objects.for_tenant(self.tenant)
        try:
            found: list[ApiKey] = list(rows.filter(pk=uuid.UUID(text)))
        except ValueError:
            found = list(rows.filter(prefix=text.split("…")[0])[:2]) or list(self.keys.filter(name=text)[:2])
        if len(found) != 1:
            raise ValidationError(
                "Several keys have this name; write its start." if found else "The tenant has no such key."
            )
        return found[0]

    def clean(self) -> dict[str, Any]:
        """Team and key go with their levels, and are asked for there."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        level = cleaned.get("level")
        for name, words in (("team", "Choose the team."), ("key", "Say which key.")):
            if level != name:
                cleaned[name] = None
            elif not cleaned.get(name) and name not in self.errors:
                self.add_error(name, words)
        return cleaned

    def subject(self) -> dict[str, Any]:
        """As the services take it."""
        return {name: self.cleaned_data[name] for name in ("level", "team", "key")}
