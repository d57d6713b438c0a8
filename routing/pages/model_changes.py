"""Adding, changing and deleting models."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from contracts.specs import Capability
from routing.models import Model, Provider
from routing.pages.models import CAPABILITIES, model_rows
from routing.published_prices import context_window_of
from routing.services import create_model, delete_model, update_model
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class ModelForm(forms.Form):
    """A model; ``model`` is the one that is changed, None where one is made."""

    name = forms.CharField(max_length=128, help_text="What callers write, alone or as “provider/name”.")
    wire_name = forms.CharField(
        label="Name at the provider", required=False, max_length=200, help_text="Empty: the same."
    )
    capabilities = forms.MultipleChoiceField(
        label="What it can do",
        choices=CAPABILITIES,
        widget=forms.CheckboxSelectMultiple,
        initial=[Capability.CHAT.value, Capability.STREAMING.value],
        help_text="A call that needs more than this skips the model.",
        error_messages={"required": "Choose at least one."},
    )
    context_window = forms.IntegerField(
        label="Context window",
        required=False,
        min_value=1,
        help_text="Tokens, input and output together. Empty: not checked, or as published.",
    )
    max_output_tokens = forms.IntegerField(
        label="Most output tokens", required=False, min_value=1, help_text="Of one answer. Budgets reserve for so many."
    )
    enabled = forms.BooleanField(required=False, initial=True, label="Calls may use it")

    def __init__(self, *args: Any, model: Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model = model

    def row_fields(self) -> dict[str, Any]:
        """What the services take."""
        return {name: self.cleaned_data[name] for name in ModelForm.base_fields}


class NewModelForm(ModelForm):
    """With the provider."""

    provider = forms.ModelChoiceField(queryset=Provider.objects.none(), empty_label=None)

    field_order = ("provider",)

    def __init__(self, *args: Any, providers: QuerySet[Provider], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["provider"]
        chosen.queryset = providers


class ModelCreate(WorkspacePage, FormPage):
    """Add a model to a provider."""

    permission = TenantPermission.MANAGE_ROUTES
    form_class = NewModelForm
    title, submit_label = "Add a model", "Add the model"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The providers of this workspace, that of ``?provider=`` chosen."""
        rows = self.workspace.scope(Provider.objects.all()).order_by("name")
        return {
            **super().get_form_kwargs(),
            "providers": rows,
            "initial": {"provider": self.request.GET.get("provider")},
        }

    def save(self, form: Any) -> str:
        """Through the service; the published context window where none is given."""
        provider, fields = form.cleaned_data["provider"], form.row_fields()
        fields["context_window"] = fields["context_window"] or context_window_of(
            kind=provider.kind, base_url=provider.base_url, wire_name=fields["wire_name"] or fields["name"]
        )
        model = create_model(provider=provider, **fields)
        messages.success(self.request, f"“{model.name}” is there.")
        return self.workspace.url("model", pk=model.pk)

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("models")


class _OfModel(WorkspacePage, FormPage):
    """A form about one model."""

    permission = TenantPermission.MANAGE_ROUTES

    @property
    def model(self) -> Any:
        """Found once."""
        if not hasattr(self, "_model"):
            self._model = get_object_or_404(model_rows(self.workspace), pk=self.kwargs["pk"])
        return self._model

    def cancel_url(self) -> str:
        """Back to the model."""
        return str(self.workspace.url("model", pk=self.model.pk))


class ModelEdit(_OfModel):
    """Change a model."""

    form_class = ModelForm
    submit_label = "Save the changes"
    success_message = "Saved. Gateways use it within a second."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With what the model has."""
        initial = {name: getattr(self.model, name) for name in ModelForm.base_fields}
        return {**super().get_form_kwargs(), "model": self.model, "initial": initial}

    def get_title(self) -> str:
        """With the name."""
        return f"Edit {self.model.name}"

    def save(self, form: Any) -> str:
        """Through the service."""
        update_model(model=self.model, **form.row_fields())
        return self.cancel_url()


class ModelDelete(_OfModel):
    """Asks for the name; refused while a route uses it."""

    form_class = TypedNameForm
    submit_label = "Delete the model"
    danger = True
    intro = "Its prices go with it. Past calls and what they cost stay in the reports."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the name that is expected."""
        return {**super().get_form_kwargs(), "expected": self.model.name}

    def get_title(self) -> str:
        """With the name."""
        return f"Delete {self.model.name}"

    def save(self, form: Any) -> str:
        """Through the service.

        Raises:
            ValidationError: a route still uses it.
        """
        if self.model.targets.exists():
            raise ValidationError("Routes still use it. Take its targets out of them first, or switch the model off.")
        name, provider_id = self.model.name, self.model.provider_id
        delete_model(model=self.model)
        messages.success(self.request, f"“{name}” is gone.")
        return f"{self.workspace.url('provider', pk=provider_id)}?tab=models"
