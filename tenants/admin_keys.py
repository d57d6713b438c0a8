"""API keys: made, rotated and revoked here; a clear key is in one answer and nowhere else."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from tenants.admin_limits import KeyLimitInline
from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm, LinesField
from tenants.admin_tenants import KEY_STATES
from tenants.changes import save_row
from tenants.keys import ClearKey, Scope, new_key
from tenants.models import ApiKey
from tenants.services import ALL_SCOPES, DEFAULT_OVERLAP, issue, revoke_key, rotate_key

MAX_OVERLAP_HOURS = 24 * 90


class ApiKeyForm(ConfigRowForm):
    """A key as an operator sets it."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        initial=list(ALL_SCOPES),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the key may be used for.",
        error_messages={"required": "Give the key at least one scope."},
    )
    allowed_routes = LinesField(help_text="Route names, one a line; empty allows all.")
    allowed_models = LinesField(help_text="Model names, one a line; empty allows all.")
    ip_allow = LinesField(
        label="Allowed addresses", help_text="Address blocks such as 10.0.0.0/8, one a line; empty allows all."
    )

    issued: ClearKey | None = None

    def clean(self) -> dict[str, Any] | None:
        """A new row gets its key, so that the whole row can be checked; it is forgotten if the form is sent back."""
        if self.instance._state.adding:
            self.issued = new_key()
            issue(self.instance, self.issued)
        return super().clean()

    def clean_expires_at(self) -> datetime | None:
        """A key that is made now ends later; one that exists may be ended."""
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if self.instance._state.adding and expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("This is in the past; the key would never work.")
        return expires_at


class RotationForm(forms.Form):
    """How long the old key goes on working."""

    overlap_hours = forms.IntegerField(
        label="Hours for which the old key keeps working",
        min_value=0,
        max_value=MAX_OVERLAP_HOURS,
        initial=int(DEFAULT_OVERLAP.total_seconds() // 3600),
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0 ends it at once.",
    )


class StateFilter(DropdownFilter):
    """Active, expired or revoked."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three states."""
        return [(state, state.capitalize()) for state in KEY_STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Keys in the chosen state."""
        now = timezone.now()
        conditions = {
            "active": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
            "expired": Q(revoked_at=None, expires_at__lte=now),
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(ApiKey)
class ApiKeyAdmin(ConfigRowAdmin):
    """Credentials of applications."""

    form = ApiKeyForm
    list_display = ("name", "show_key", "show_state", "tenant", "team", "expires_at", "last_used_at")
    list_filter = (("tenant", AutocompleteSelectFilter), StateFilter)
    list_select_related = ("tenant", "team")
    search_fields = ("name", "prefix", "last_four", "tenant__slug", "tenant__name", "team__name")
    search_help_text = "Name, start or last four characters of the key, tenant or team"
    autocomplete_fields = ("tenant", "team")
    actions = ("revoke_selected",)
    actions_detail = ("rotate", "revoke")
    inlines = (KeyLimitInline,)
    fieldsets = (
        (None, {"fields": ("tenant", "team", "name", "scopes")}),
        ("Restrictions", {"fields": ("allowed_routes", "allowed_models", "ip_allow", "expires_at")}),
    )
    state_fieldset = (
        "State",
        {"fields": ("show_key", "show_state", "last_used_at", "revoked_at", "created_by", "created_at")},
    )
    state_fields = ("show_key", "show_state", "last_used_at", "revoked_at", "created_by", "created_at")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A key that exists shows its state first."""
        return self.fieldsets if obj is None else (self.state_fieldset, *self.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A key stays with its tenant."""
        return () if obj is None else ("tenant", *self.state_fields)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember a new key for the answer to this very request."""
        save_row(obj)
        if form.issued is not None:
            request.issued_key = form.issued.clear  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the key."""
        return self._show_once(request, obj, request.issued_key)  # type: ignore[attr-defined]

    @display(description="Key", ordering="prefix")
    def show_key(self, key: ApiKey) -> str:
        """What people recognise it by."""
        return key.shown

    @display(description="State", label=KEY_STATES)
    def show_state(self, key: ApiKey) -> str:
        """A badge."""
        return key.state()

    @action(description="Revoke: refuse from now on", permissions=("change",))
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Each key as its own change."""
        revoked = [revoke_key(key=key) for key in queryset.filter(revoked_at=None)]
        self.message_user(request, f"Revoked {len(revoked)} key(s).", messages.SUCCESS)

    @action(description="Rotate…", permissions=("change",), icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the old key shall live, then show its successor."""
        key = self._found(request, object_id)
        form = RotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
            try:
                successor, clear = rotate_key(key=key, overlap=overlap)
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
                return HttpResponseRedirect(_page(key))
            return self._show_once(request, successor, clear)
        told = "A successor with the same rights and limits is made and shown once."
        return self._ask(request, key, title="Rotate key", told=told, verb="Rotate", form=form)

    @action(description="Revoke…", permissions=("change",), icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then refuse the key from now on."""
        key = self._found(request, object_id)
        if request.method == "POST":
            revoke_key(key=key)
            self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
            return HttpResponseRedirect(_page(key))
        told = "Every gateway refuses it within a second. A revoked key does not come back; rotate it to replace it."
        return self._ask(request, key, title="Revoke key", told=told, verb="Revoke", form=None)

    def _found(self, request: HttpRequest, object_id: str) -> ApiKey:
        key: ApiKey | None = self.get_object(request, object_id)
        if key is None:
            raise Http404("There is no such key.")
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        return key

    def _ask(self, request: HttpRequest, key: ApiKey, **asked: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "key": key, "page": _page(key), **asked}
        return TemplateResponse(request, "admin/tenants/apikey/ask.html", context)

    def _show_once(self, request: HttpRequest, key: ApiKey, clear: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Copy the key now",
            "key": key,
            "clear": clear,
            "page": _page(key),
        }
        # Every page of the admin already says "no-store".
        return TemplateResponse(request, "admin/tenants/apikey/issued.html", context)


def _page(key: ApiKey) -> str:
    return reverse("admin:tenants_apikey_change", args=(key.pk,))
