"""A new tenant: name, time zone, what is kept, the first owner and the first budget, in one form."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest

from console.forms import FormPage
from console.middleware import zone_of
from tenants.admin_money import UsdField
from tenants.models import SLUG, Budget, Tenant, User
from tenants.onboarding import open_tenant
from tenants.roles import TenantPermission
from tenants.validators import time_zone_names
from tenants.workspaces import WorkspacePage

LONGEST_SLUG = 63

STORAGE_CHOICES = (
    ("none", "Nothing: only figures such as tokens, cost and latency"),
    ("redacted", "Redacted: personal data and credentials become placeholders before anything is written"),
    ("stored", "Everything: prompts and answers as they were sent"),
)
BEYOND_CHOICES = (
    ("block", "Refuse calls"),
    ("alert_only", "Only tell"),
)


def slug_of(name: str) -> str:
    """A short name made of a name: ``Müller & Söhne`` becomes ``muller-sohne``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-")


@lru_cache(maxsize=1)
def time_zones() -> tuple[tuple[str, str], ...]:
    """The zones that people live in, by name, UTC first."""
    named = sorted(zone for zone in time_zone_names() if "/" in zone and _is_a_place(zone))
    return tuple((zone, zone.replace("_", " ")) for zone in ("UTC", *named))


def _is_a_place(zone: str) -> bool:
    return not zone.startswith(("Etc/", "SystemV/", "posix/", "right/"))


def zone_choices(current: str = "") -> list[tuple[str, str]]:
    """For a field; with the stored zone even where it is no place."""
    known = list(time_zones())
    return known if not current or current in dict(known) else [(current, current), *known]


class TenantCreateForm(forms.Form):
    """What a tenant needs at first; all of it can be changed later."""

    name = forms.CharField(
        label="Name", max_length=200, help_text="As people call it.", widget=forms.TextInput(attrs={"autofocus": True})
    )
    slug = forms.CharField(
        label="Short name",
        max_length=LONGEST_SLUG,
        required=False,
        validators=[SLUG],
        help_text="In addresses, files and metrics. Left empty, it is made of the name.",
        widget=forms.TextInput(attrs={"data-slug-of": "id_name", "autocapitalize": "none", "spellcheck": "false"}),
    )
    time_zone = forms.ChoiceField(
        label="Time zone", help_text="Days, weeks and months of budgets and statements begin at midnight here."
    )
    payload_storage = forms.ChoiceField(
        label="What is kept of prompts and answers", choices=STORAGE_CHOICES, widget=forms.RadioSelect, initial="none"
    )
    owner_email = forms.EmailField(
        label="First owner's e-mail address",
        required=False,
        help_text="They get a link to join, which holds for seven days. You can also invite somebody later.",
    )
    month_limit_nanousd = UsdField(
        label="Monthly budget ($)",
        help_text="For everything that the tenant calls. Empty: no budget.",
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
    )
    beyond_limit = forms.ChoiceField(label="When the budget is spent", choices=BEYOND_CHOICES, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = zone_choices()

    def clean(self) -> dict[str, Any]:
        """A short name is there, and free."""
        data = super().clean() or {}
        if "slug" in data:
            data["slug"] = data["slug"] or slug_of(data.get("name", ""))
            if not data["slug"] and data.get("name"):
                self.add_error("slug", "The name has no letters to make a short name of: write one.")
            elif Tenant.objects.filter(slug=data["slug"]).exists():
                self.add_error("slug", "Another tenant has this short name already.")
        data["beyond_limit"] = data.get("beyond_limit") or Budget.Action.BLOCK.value
        return data


class TenantCreate(WorkspacePage, FormPage):
    """For operators; ends at the tenant's page, which says what to do next."""

    permission = TenantPermission.CHANGE_SETTINGS
    template_name = "console/tenants/create.html"
    form_class = TenantCreateForm
    title, submit_label = "Create a tenant", "Create the tenant"
    intro = "A customer or a department. Its members, keys, calls and costs are apart from everybody else's."

    def get_initial(self) -> dict[str, Any]:
        """The zone of whoever looks: most tenants are near."""
        zone = zone_of(self.request)
        return {"time_zone": zone.key if zone is not None and zone.key in dict(time_zones()) else "UTC"}

    def save(self, form: forms.Form) -> str:
        """All of it or nothing."""
        fields = form.cleaned_data
        tenant = open_tenant(by=cast(User, self.request.user), site=site_of(self.request), **fields)
        told = f" {fields['owner_email']} is invited." if fields["owner_email"] else ""
        messages.success(self.request, f"“{tenant.name}” is there.{told}")
        return self.workspace.url("tenant", slug=tenant.slug)

    def cancel_url(self) -> str:
        """All tenants."""
        return self.workspace.url("tenants")


def site_of(request: HttpRequest) -> str:
    """Where links in mails lead: PUBLIC_URL, or where none is set the address of the request."""
    return str(settings.PUBLIC_URL or request.build_absolute_uri("/"))
