"""Pages that are a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.generic import FormView
from django_htmx.http import HttpResponseClientRedirect

if TYPE_CHECKING:
    FormBase = FormView[forms.Form]
else:
    FormBase = FormView

VALIDATE_HEADER = "X-Validate"
"""A POST with it saves nothing: it asks for the errors of the field that it names."""
PREVIEW_HEADER = "X-Preview"
"""A POST with it saves nothing: it asks what saving would mean."""


class FormPage(FormBase):
    """A form beside :class:`tenants.workspaces.WorkspacePage`.

    A subclass has ``form_class``, ``title`` and :meth:`save`. ``get_form_kwargs`` may add what the form needs, such as
    ``workspace``. The same address serves the page, the drawer and the validation of single fields.
    """

    template_name = "console/form_page.html"
    title: ClassVar[str] = ""
    intro: ClassVar[str] = ""
    submit_label: ClassVar[str] = "Save"
    success_message: ClassVar[str] = ""
    danger: ClassVar[bool] = False
    """Whether the button is red."""
    if TYPE_CHECKING:
        workspace: Any

    def save(self, form: forms.Form) -> str | HttpResponse:
        """Do it through a service; returns where to go, or what to answer (a secret that is shown once, say).

        Raises:
            ValidationError: the service refuses; the form says why, beside the fields that are named.
            NotImplementedError: a page has not said how.
        """
        raise NotImplementedError

    def cancel_url(self) -> str:
        """Where "Cancel" leads."""
        return str(self.workspace.url("home"))

    def get_title(self) -> str:
        """The heading."""
        return self.title

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the form's template shows."""
        shown = {
            "title": self.get_title(),
            "intro": self.intro,
            "submit_label": self.submit_label,
            "danger": self.danger,
            "cancel_url": self.cancel_url(),
        }
        return super().get_context_data(**{**shown, **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Save, or say what is wrong with one field."""
        field = request.headers.get(VALIDATE_HEADER)
        if field is not None:
            return field_errors(request, self.get_form(), field)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Save and go on; what the service refuses is shown in the form."""
        try:
            done = self.save(form)
        except ValidationError as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        if isinstance(done, HttpResponse):
            return done
        if self.success_message:
            messages.success(self.request, self.success_message.format(**form.cleaned_data))
        return go_to(self.request, done)

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        """The form with its errors: an answer like any other, since browsers report a 4xx in their console."""
        return self.render_to_response(self.get_context_data(form=form))


def add_refusal(form: forms.BaseForm, refusal: ValidationError) -> None:
    """Put a service's refusal into the form: beside the field where the form has it, else above all."""
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for name, errors in refusal.error_dict.items():
        form.add_error(name if name in form.fields and name != NON_FIELD_ERRORS else None, errors)


def field_errors(request: HttpRequest, form: forms.BaseForm, name: str) -> HttpResponse:
    """What is wrong with one field, as the fragment below it; empty when nothing is."""
    form.is_valid()
    if name not in form.fields:
        return HttpResponse(status=204)
    return render(request, "console/components/field_errors.html", {"field": form[name]})


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Leave for another page: htmx is told to load it whole, so that messages and the sidebar are new as well."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    return redirect(url)


class Previewed:
    """Before :class:`FormPage`: a form that shows what saving it would mean."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Save, or show what saving would mean."""
        if PREVIEW_HEADER in request.headers:
            return self.preview(request)
        return super().post(request, *args, **kwargs)  # type: ignore[misc]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What saving would mean, or what is wrong with what was typed."""
        raise NotImplementedError
