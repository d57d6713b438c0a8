"""Rate limits: their own list, and as rows on the pages of what they limit."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from tenants.admin_rows import ConfigRowForm, ConfigRowInline
from tenants.admin_subjects import SubjectAdmin
from tenants.models import RateLimit

if TYPE_CHECKING:
    # Django's classes take type arguments in their stubs only.
    SubjectFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    SubjectFormSet = BaseInlineFormSet

WHOLE_TENANT = (RateLimit.Level.TENANT, RateLimit.Level.USER)


class LimitsOfSubject(SubjectFormSet):
    """Limits of one team or key: the page says whose they are, so the form does not ask."""

    def full_clean(self) -> None:
        """Called once the page's own form is valid, so the subject's tenant is known by now."""
        for form in self.forms:
            limit = form.instance
            limit.level, limit.tenant_id = self.fk.name, self.instance.tenant_id
            setattr(limit, self.fk.name, self.instance)
        super().full_clean()


class LimitForm(ConfigRowForm):
    """A limit as an operator sets it; most have nothing to do with waiting, so that may stay empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["max_wait_ms"].required = False

    def clean_max_wait_ms(self) -> int:
        """Nothing is 0."""
        return self.cleaned_data["max_wait_ms"] or 0


class TenantLimitInline(ConfigRowInline):
    """Limits on the tenant as a whole and on each of its end users."""

    model = RateLimit
    form = LimitForm
    fields = ("level", "metric", "value", "window_s", "max_wait_ms")
    verbose_name_plural = "limits"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Those of teams and keys are on the pages of these."""
        return super().get_queryset(request).filter(level__in=WHOLE_TENANT)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only the levels that belong here."""
        if db_field.name == "level":
            kwargs["choices"] = [(level.value, level.label) for level in WHOLE_TENANT]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


class TeamLimitInline(ConfigRowInline):
    """Limits that a team's keys share."""

    model = RateLimit
    form = LimitForm
    fk_name = "team"
    formset = LimitsOfSubject
    fields = ("metric", "value", "window_s", "max_wait_ms")
    verbose_name_plural = "limits"


class KeyLimitInline(ConfigRowInline):
    """Limits of one key."""

    model = RateLimit
    form = LimitForm
    fk_name = "key"
    formset = LimitsOfSubject
    fields = ("metric", "value", "window_s", "max_wait_ms")
    verbose_name_plural = "limits"


@admin.register(RateLimit)
class RateLimitAdmin(SubjectAdmin):
    """All limits of all tenants."""

    form = LimitForm
    list_display = ("tenant", "show_level", "subject", "metric", "value", "show_window", "updated_at")
    list_display_links = ("tenant", "subject")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("level", ChoicesDropdownFilter),
        ("metric", ChoicesDropdownFilter),
    )
    search_fields = ("tenant__slug", "tenant__name", "team__name", "key__name", "key__prefix")
    fieldsets = (
        ("Who is limited", {"fields": ("tenant", "level", "team", "key")}),
        ("To what", {"fields": ("metric", "value", "window_s", "max_wait_ms")}),
    )

    @display(description="Window", ordering="window_s")
    def show_window(self, limit: RateLimit) -> str:
        """With its unit."""
        if limit.window_s:
            return f"per {limit.window_s} s"
        return f"at a time, waits {limit.max_wait_ms} ms" if limit.max_wait_ms else "at a time"
