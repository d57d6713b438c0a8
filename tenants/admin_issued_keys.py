"""What the pages of API keys and of service keys share: a clear key is in one answer and nowhere else."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm, LinesField
from tenants.admin_tenants import KEY_STATES
from tenants.changes import save_row
from tenants.issued_keys import IssuedKey
from tenants.key_lifecycle import DEFAULT_OVERLAP, issue, save_new
from tenants.keys import API_KEY_KIND, ClearKey, new_key

MAX_OVERLAP_HOURS = 24 * 90


class IssuedKeyForm(ConfigRowForm):
    """A key as an operator sets it."""

    kind: ClassVar[str] = API_KEY_KIND

    ip_allow = LinesField(
        label="Allowed addresses", help_text="Address blocks such as 10.0.0.0/8, one a line; empty allows all."
    )

    issued: ClearKey | None = None

    def clean(self) -> dict[str, Any] | None:
        """A new row gets its key, so that the whole row can be checked; it is forgotten if the form is sent back."""
        if self.instance._state.adding:
            self.issued = new_key(self.kind)
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

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keys in the chosen state."""
        now = timezone.now()
        conditions = {
            "active": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
            "expired": Q(revoked_at=None, expires_at__lte=now),
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class IssuedKeyAdmin(ConfigRowAdmin):
    """Pages on which keys are made, rotated and revoked. ``_rotate`` and ``_revoke`` are the model's services."""

    actions = ("revoke_selected",)
    actions_detail = ("rotate", "revoke")
    state_fieldset = (
        "State",
        {
            "fields": (
                "show_key",
                "show_state",
                "last_used_at",
                "revoked_at",
                "rotated_from",
                "show_successor",
                "created_by",
                "created_at",
            )
        },
    )
    state_fields = state_fieldset[1]["fields"]

    _rotate: Callable[..., tuple[Any, str]]
    _revoke: Callable[..., Any]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A key that exists shows its state first."""
        return self.fieldsets if obj is None else (self.state_fieldset, *self.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A key stays with its tenant."""
        return () if obj is None else ("tenant", *self.state_fields)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember a new key for the answer to this very request."""
        if form.issued is None:
            save_row(obj)
            return
        save_new(obj)
        request.issued_key = form.issued.clear  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: IssuedKey, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the key."""
        return self._show_once(request, obj, request.issued_key)  # type: ignore[attr-defined]

    @display(description="Key", ordering="prefix")
    def show_key(self, key: IssuedKey) -> str:
        """What people recognise it by."""
        return key.shown

    @display(description="State", label=KEY_STATES)
    def show_state(self, key: IssuedKey) -> str:
        """A badge."""
        return key.state()

    @display(description="Replaced by")
    def show_successor(self, key: IssuedKey) -> str:
        """The key that a rotation made."""
        successor = getattr(key, "successor", None)
        return "–" if successor is None else str(successor)

    @action(description="Revoke: refuse from now on", permissions=("change",))
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each key as its own change."""
        revoked = [type(self)._revoke(key=key) for key in queryset.filter(revoked_at=None)]
        self.message_user(request, f"Revoked {len(revoked)} key(s).", messages.SUCCESS)

    @action(description="Rotate…", permissions=("change",), icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the old key shall live, then show its successor."""
        key = self._found(request, object_id)
        form = RotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
            try:
                successor, clear = type(self)._rotate(key=key, overlap=overlap)
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
                return HttpResponseRedirect(self._page(key))
            return self._show_once(request, successor, clear)
        told = "A successor with the same rights and limits is made and shown once."
        return self._ask(request, key, title="Rotate key", told=told, verb="Rotate", form=form)

    @action(description="Revoke…", permissions=("change",), icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then refuse the key from now on."""
        key = self._found(request, object_id)
        if request.method == "POST":
            type(self)._revoke(key=key)
            self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
            return HttpResponseRedirect(self._page(key))
        told = "Every gateway refuses it within a second. A revoked key does not come back; rotate it to replace it."
        return self._ask(request, key, title="Revoke key", told=told, verb="Revoke", form=None)

    def _found(self, request: HttpRequest, object_id: str) -> IssuedKey:
        key: IssuedKey | None = self.get_object(request, object_id)
        if key is None:
            raise Http404("There is no such key.")
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        return key

    def _ask(self, request: HttpRequest, key: IssuedKey, **asked: Any) -> HttpResponse:
        context = {**self._context(request, key), **asked}
        return TemplateResponse(request, "admin/tenants/apikey/ask.html", context)

    def _show_once(self, request: HttpRequest, key: IssuedKey, clear: str) -> HttpResponse:
        context = {**self._context(request, key), "title": "Copy the key now", "clear": clear}
        # Every page of the admin already says "no-store".
        return TemplateResponse(request, "admin/tenants/apikey/issued.html", context)

    def _context(self, request: HttpRequest, key: IssuedKey) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "key": key, "page": self._page(key)}

    def _page(self, key: IssuedKey) -> str:
        return reverse(f"admin:tenants_{key._meta.model_name}_change", args=(key.pk,))
