"""Policies as files: taken out of the console and put in again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from console.forms import FormPage
from guardrails import services
from guardrails.cases import merge_cases
from guardrails.documents import document_of, read_policies, written
from guardrails.pages.policies import policy_in
from guardrails.pages.policy_changes import OfPolicy
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MAX_BYTES = 1_000_000


class PolicyExport(WorkspacePage, View):
    """The policy's draft as YAML, as ``configs/guardrails.yaml`` has it."""

    permission = TenantPermission.VIEW_TENANT

    def get(self, _request: HttpRequest, pk: Any) -> HttpResponse:
        """A file to save."""
        policy = policy_in(self.workspace, pk)
        # Cases may hold what callers wrote.
        cases = self.workspace.may(TenantPermission.VIEW_PAYLOADS)
        document = written([document_of(policy, with_cases=cases)])
        response = HttpResponse(document, content_type="application/yaml; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="policy-{policy.pk}.yaml"'
        return response


class ImportForm(forms.Form):
    """The text of a file."""

    document = forms.CharField(
        label="YAML",
        max_length=MAX_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "code-input"}),
        help_text="A file with policies, as it is exported. Each becomes a new policy that is off.",
    )

    def clean_document(self) -> Any:
        """The policies that it holds.

        Raises:
            ValidationError: it is no such file; says what is wrong and where.
        """
        return read_policies(self.cleaned_data["document"])


class PolicyImport(WorkspacePage, FormPage):
    """New policies from a file."""

    permission = TenantPermission.MANAGE_GUARDRAILS
    form_class = ImportForm
    title, submit_label = "Import policies", "Import"

    def save(self, form: forms.Form) -> str:
        """All of them or none."""
        rows = services.import_policies(tenant=self.workspace.tenant, documents=form.cleaned_data["document"])
        messages.success(
            self.request, f"Imported: {', '.join(row.name for row in rows)}. Publish what should be in force."
        )
        return self.workspace.url("policy", pk=rows[0].pk) if len(rows) == 1 else self.workspace.url("policies")

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("policies")


class DraftImport(OfPolicy, FormPage):
    """The rules of a file as the draft."""

    form_class = ImportForm
    title, submit_label = "Replace the draft by a file", "Replace the draft"
    intro = "Nothing changes for calls until you publish. The file holds one policy; its rules become the draft."

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whose draft it is."""
        return super().get_context_data(policy=self.policy, **kwargs)

    def save(self, form: forms.Form) -> str:
        """The rules alone."""
        documents = form.cleaned_data["document"]
        if len(documents) != 1:
            raise ValidationError({"document": f"The file has {len(documents)} policies; a draft takes one."})
        with transaction.atomic():
            policy = services.replace_rules(policy=self.policy, rules=documents[0].rules)
            merge_cases(policy=policy, entries=documents[0].cases)
        messages.success(self.request, "The draft is as the file says.")
        return self.cancel_url()
