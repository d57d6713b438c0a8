"""The forms of API keys and service keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from tenants.callable_names import callable_names
from tenants.keys import Scope, ServiceScope
from tenants.models import ApiKey, Budget, Team, Tenant
from tenants.pages.fields import (
    EXPIRIES,
    AccessTagsField,
    AddressBlocksField,
    DollarsField,
    InSections,
    MomentInput,
    NamesField,
    explained,
    shown_with,
)

SCOPES = {
    Scope.CHAT: ("Chat", "Chat completions and messages, streamed or not."),
    Scope.EMBEDDINGS: ("Embeddings", "Turn texts into vectors."),
    Scope.MODELS: ("Models", "List the models and routes that the key may call."),
    Scope.RUNS: ("Runs", "Read back single calls of the tenant, with their attempts and costs."),
    Scope.EVENTS: ("Live events", "Follow what happens over a WebSocket."),
    Scope.RETRIEVAL: (
        "Search documents",
        "Find passages in the tenant's documents, and have answers rest on them (mode “rag”).",
    ),
    Scope.DOCUMENTS: (
        "Change documents",
        "Add, replace, list and delete documents. For the program that keeps them up to date.",
    ),
    Scope.ANALYTICS: ("Analytics", "What the whole tenant used and paid. Not for keys inside of applications."),
}
USUAL_SCOPES = [Scope.CHAT.value, Scope.EMBEDDINGS.value, Scope.MODELS.value, Scope.RUNS.value]
SERVICE_SCOPES = {
    ServiceScope.READ: ("Read", "Look at everything that the key manages. Changes nothing."),
    ServiceScope.MANAGE: ("Manage", "Create, change and delete: keys, limits, budgets, routes, members."),
}
OVERLAPS = {"0": "None: the old key stops at once", "1": "1 hour", "24": "24 hours", "168": "7 days", "720": "30 days"}


class IssuedKeyForm(forms.Form):
    """What API keys and service keys have in common."""

    name = forms.CharField(
        max_length=200,
        help_text="What the key is for and where it lives, such as “checkout service, production”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    expires = forms.ChoiceField(
        label="Expires",
        choices=[*((key, label) for key, (label, _) in EXPIRIES.items()), ("at", "At a date and time")],
        initial="never",
        help_text="Calls with an expired key are refused. Rotate the key before, and nothing breaks.",
    )
    expires_at = forms.DateTimeField(
        label="Date and time",
        required=False,
        widget=MomentInput(attrs=shown_with("expires=at")),
        help_text="In your time zone.",
    )
    ip_allow = AddressBlocksField(
        label="Allowed addresses",
        help_text="Address blocks (CIDR) that may use the key, one per line. Empty: from anywhere.",
    )

    def clean(self) -> dict[str, Any]:
        """``expires_at`` becomes the moment that was chosen, however it was said."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        choice = cleaned.get("expires")
        if choice == "at":
            moment: datetime | None = cleaned.get("expires_at")
            if moment is None and "expires_at" not in self.errors:
                self.add_error("expires_at", "Say when the key expires.")
            elif moment is not None and moment <= timezone.now():
                self.add_error("expires_at", "This is in the past: the key would never work.")
        elif choice in EXPIRIES:
            length = EXPIRIES[choice][1]
            cleaned["expires_at"] = None if length is None else timezone.now() + length
        return cleaned

    @staticmethod
    def initial_of(key: Any) -> dict[str, Any]:
        """What the form shows of a key that is there."""
        return {
            "name": key.name,
            "expires": "never" if key.expires_at is None else "at",
            "expires_at": key.expires_at,
            "ip_allow": key.ip_allow,
            "scopes": key.scopes,
        }

    def key_fields(self) -> dict[str, Any]:
        """What goes into the row."""
        names = ("name", "scopes", "expires_at", "ip_allow")
        return {name: self.cleaned_data[name] for name in names}


class ApiKeyForm(InSections, IssuedKeyForm):
    """A key of an application."""

    team = forms.ModelChoiceField(
        Team.objects.none(), required=False, empty_label="No team", help_text="Whose limits and budgets the key shares."
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, explained(*words)) for scope, words in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=USUAL_SCOPES,
        error_messages={"required": "Choose at least one."},
        label="The key may be used for",
    )
    allowed_routes = NamesField(required=False, label="Only these routes", help_text="None chosen: all of them.")
    allowed_models = NamesField(required=False, label="Only these models", help_text="None chosen: all of them.")

    access_tags = AccessTagsField(
        label="Documents that it finds",
        help_text="Access tags with commas between them, such as hr, legal. The key finds documents with one of these, "
        "and those without tags. * stands for all documents of the tenant. Empty: only documents without tags.",
    )

    field_order = (
        "name",
        "team",
        "scopes",
        "expires",
        "expires_at",
        "ip_allow",
        "allowed_routes",
        "allowed_models",
        "access_tags",
    )
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "team", "scopes")),
        ("Expiry", "", ("expires", "expires_at")),
        (
            "Restrictions",
            "Without any, the key works from everywhere and for everything that the tenant has.",
            ("ip_allow", "allowed_routes", "allowed_models", "access_tags"),
        ),
    )

    def __init__(self, *args: Any, tenant: Tenant, key: ApiKey | None = None, **kwargs: Any) -> None:
        if key is not None:
            kwargs["initial"] = {
                **self.initial_of(key),
                "team": key.team_id,
                "allowed_routes": key.allowed_routes,
                "allowed_models": key.allowed_models,
                "access_tags": key.access_tags,
                **(kwargs.get("initial") or {}),
            }
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.fields["team"].queryset = Team.objects.for_tenant(tenant).order_by("name")  # type: ignore[attr-defined]
        names = callable_names(tenant.pk)
        for field, offered in (("allowed_routes", names.routes), ("allowed_models", names.models)):
            box = self.fields[field]
            assert isinstance(box, NamesField)
            box.offer(offered, getattr(key, field, ()))
            if not box.choices:
                del self.fields[field]

    def key_fields(self) -> dict[str, Any]:
        """What goes into the row."""
        own: dict[str, Any] = {
            name: self.cleaned_data[name] for name in ("allowed_routes", "allowed_models") if name in self.fields
        }
        named = {name: self.cleaned_data[name] for name in ("team", "access_tags")}
        return {**super().key_fields(), **named, **own}


class NewApiKeyForm(ApiKeyForm):
    """A new key with its own limits and a budget, for those who may set them."""

    requests_per_minute = forms.IntegerField(min_value=1, required=False, label="Requests per minute")
    tokens_per_minute = forms.IntegerField(
        min_value=1, required=False, label="Tokens per minute", help_text="Of prompts and answers together."
    )
    calls_at_a_time = forms.IntegerField(min_value=1, required=False, label="Calls at a time")
    budget = DollarsField(
        required=False, label="Budget per month ($)", help_text="Of this key alone. Empty: none of its own."
    )
    budget_action = forms.ChoiceField(
        choices=Budget.Action.choices, initial=Budget.Action.BLOCK, label="Beyond the budget"
    )

    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        *ApiKeyForm.sections,
        (
            "Limits of its own",
            "Empty: none. Those of its team and of the tenant apply as well.",
            ("requests_per_minute", "tokens_per_minute", "calls_at_a_time"),
        ),
        ("Budget of its own", "", ("budget", "budget_action")),
    )

    def __init__(self, *args: Any, may_limit: bool, may_budget: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Degrading needs a target, which the budget's own page asks for.
        self.fields["budget_action"].choices = [  # type: ignore[attr-defined]
            choice for choice in Budget.Action.choices if choice[0] != Budget.Action.DEGRADE
        ]
        gone = ([] if may_limit else [*_LIMITS]) + ([] if may_budget else ["budget", "budget_action"])
        for name in gone:
            del self.fields[name]

    def limits(self) -> list[dict[str, Any]]:
        """The limits that were asked for, as :func:`tenants.services.set_rate_limit` takes them."""
        return [
            {"metric": metric, "window_s": window_s, "value": self.cleaned_data[name]}
            for name, (metric, window_s) in _LIMITS.items()
            if self.cleaned_data.get(name)
        ]


_LIMITS = {
    "requests_per_minute": ("requests", 60),
    "tokens_per_minute": ("tokens", 60),
    "calls_at_a_time": ("concurrency", 0),
}


class ServiceKeyForm(IssuedKeyForm):
    """A key of a program that manages Breakwater."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, explained(*words)) for scope, words in SERVICE_SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=[ServiceScope.READ.value],
        error_messages={"required": "Choose at least one."},
        label="The key may",
    )
    field_order = ("name", "scopes", "expires", "expires_at", "ip_allow")


class RotationForm(forms.Form):
    """For how long the old key goes on."""

    overlap = forms.ChoiceField(
        choices=list(OVERLAPS.items()),
        initial="24",
        label="The old key goes on working for",
        help_text="Long enough to put the new key everywhere. Both keys count in the same limits and budgets.",
    )

    def length(self) -> timedelta:
        """As a length of time."""
        return timedelta(hours=int(self.cleaned_data["overlap"]))
