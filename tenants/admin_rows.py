"""The admin of configuration rows: every page of it changes rows through :mod:`tenants.changes`, so nothing escapes
the audit log, and every rule of the tables is told beside the field instead of failing on save.
"""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from tenants.changes import delete_row, save_row
from tenants.rows import ConfigRow

if TYPE_CHECKING:
    # Django's classes take type arguments in their stubs only.
    RowForm = forms.ModelForm[Any]
else:
    RowForm = forms.ModelForm


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 3}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """The lines without blank ones."""
        if isinstance(value, list):
            return value
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the lists differ, whatever the blank lines."""
        return self.to_python(initial) != self.to_python(data)


class ConfigRowForm(RowForm):
    """A form that checks the whole row, also the fields and constraints that the form does not show."""

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        try:
            self.instance.full_clean(exclude=self._unsaved_parents())
        except ValidationError as error:
            for field, problems in error.update_error_dict({}).items():
                self.add_error(field if field in self.fields else None, problems)

    def _unsaved_parents(self) -> set[str]:
        """Foreign keys to a row that the same submission creates: it cannot be looked up yet."""
        return {
            field.name
            for field in self.instance._meta.concrete_fields
            if field.is_relation
            and field.is_cached(self.instance)
            and (parent := getattr(self.instance, field.name)) is not None
            and parent._state.adding
        }


class ConfigRowAdmin(ModelAdmin):
    """Base of the admin classes of :class:`tenants.rows.ConfigRow` models."""

    form = ConfigRowForm
    list_filter_submit = True
    warn_unsaved_form = True
    list_per_page = 50

    def save_model(self, request: HttpRequest, obj: ConfigRow, form: Any, change: bool) -> None:
        """Validated, audited, announced."""
        save_row(obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """The inline rows, each as its own change."""
        rows = formset.save(commit=False)
        for row in formset.deleted_objects:
            delete_row(row)
        for row in rows:
            save_row(row)
        formset.save_m2m()

    def delete_model(self, request: HttpRequest, obj: ConfigRow) -> None:
        """Audited, announced."""
        delete_row(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One change each."""
        for row in queryset:
            delete_row(row)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """As Django's; what only turns out on saving (someone else was faster) is told on the same page."""
        return self._telling(
            request, lambda: super(ConfigRowAdmin, self).changeform_view(request, object_id, form_url, extra_context)
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """As Django's; a row that is in use is kept, with the reason."""
        return self._telling(
            request, lambda: super(ConfigRowAdmin, self).delete_view(request, object_id, extra_context)
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As Django's; an action that a row refuses tells why."""
        return self._telling(request, lambda: super(ConfigRowAdmin, self).changelist_view(request, extra_context))

    def _telling(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return view()
        except ValidationError as error:
            for message in error.messages:
                self.message_user(request, message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class ConfigRowInline(TabularInline):
    """Rows on the page of the row they belong to."""

    form = ConfigRowForm
    extra = 0
    tab = True
    show_change_link = True


class ReadOnlyAdminMixin:
    """For what is looked at and searched, never edited."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False
