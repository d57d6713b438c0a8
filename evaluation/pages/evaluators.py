"""Evaluators: the list, the kinds to choose from, and a form made of what a kind takes."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from evaluation.engine.evaluators.registry import kinds
from evaluation.engine.evaluators.scores import Kind
from evaluation.evaluators import create_evaluator, delete_evaluator, update_evaluator
from evaluation.models import MAX_NAME_LENGTH, Evaluator
from guardrails.pages.option_fields import PREFIX, option_fields, options_of
from tenants.callable_names import callable_names
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

ICONS = {
    "exact": "equal",
    "contains": "list-search",
    "similarity": "arrows-diff",
    "bleu": "file-text",
    "rouge": "file-text",
    "chrf": "file-text",
    "regex": "code",
    "json_schema": "braces",
    "cel": "scale",
    "groundedness": "book",
    "citations": "link",
    "personal_data": "user",
    "toxicity": "message",
    "refusal": "circle-x",
    "rubric": "brain",
    "pairwise": "git-compare",
}


def icon_of(kind: str) -> str:
    """The kind's picture."""
    known = ICONS.get(kind, "flask")
    return "check" if known == "equal" else known


def title_of(kind: str) -> str:
    """As people call the kind."""
    found = kinds().get(kind)
    return found.title if found is not None else f"{kind} (not installed)"


class EvaluatorTable(Table):
    """Evaluators by name."""

    name = "evaluators"
    caption, noun = "Evaluators", "evaluator"
    columns = (
        Column("name", "Evaluator", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("kind", "Kind", accessor=lambda row: title_of(row.kind), sort="kind"),
        Column("updated_at", "Changed", kind="when", sort="updated_at", phone=False),
    )
    default_sort = "name"
    search = ("name", "kind")
    row_actions = "console/evaluation/_evaluator_actions.html"
    live = "config.object.changed"
    empty = Empty(
        "scale",
        "No evaluators yet",
        "An evaluator scores answers from 0 to 1: by the expected text, by rules, by the passages they should rest on, "
        "or by asking a model. Cost, latency and tokens are always measured.",
        "Add an evaluator",
        "evaluator-kinds",
        "manage_evaluations",
    )

    def row_url(self, row: Evaluator) -> str:
        """Its form, for who may change it."""
        may = self.workspace.may(TenantPermission.MANAGE_EVALUATIONS)
        return self.workspace.url("evaluator", pk=row.pk) if may else ""

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose an evaluator is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class EvaluatorList(WorkspacePage, TablePage):
    """All evaluators of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/evaluators.html"
    table_class = EvaluatorTable

    def get_rows(self) -> QuerySet[Evaluator]:
        """The tenant's own."""
        return self.workspace.scope(Evaluator.objects.select_related("tenant"))


class EvaluatorKinds(WorkspacePage, TemplateView):
    """The kinds to choose from."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    template_name = "console/evaluation/kinds.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Every kind that is installed, by group."""
        groups: dict[str, list[tuple[Kind, str]]] = {}
        for kind in kinds().values():
            groups.setdefault(kind.group, []).append((kind, icon_of(kind.name)))
        return super().get_context_data(groups=list(groups.items()), **kwargs)


class EvaluatorForm(forms.Form):
    """A name, and what the kind takes."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, help_text="As results and gates name it.")

    def __init__(self, *args: Any, kind: Kind, tenant: Tenant | None, row: Evaluator | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The fields are made from the struct of the options alone.
        self.fields |= option_fields(cast(Any, kind))
        self.initial["name"] = row.name if row else kind.title
        for name, value in (row.options if row else {}).items():
            self.initial[PREFIX + name] = value
        if tenant is not None and PREFIX + "route" in self.fields:
            known = callable_names(tenant.pk)
            names = list(dict.fromkeys([*known.routes, *known.models]))
            old = self.fields[PREFIX + "route"]
            self.fields[PREFIX + "route"] = forms.ChoiceField(
                label="Route or model", help_text=old.help_text, choices=[(one, one) for one in names]
            )
        for name in (PREFIX + "rubric", PREFIX + "expression", PREFIX + "applies_if"):
            if name in self.fields:
                self.fields[name].widget = forms.Textarea(attrs={"rows": 4})


class EvaluatorPage(WorkspacePage, FormPage):
    """The form of an evaluator; with a ``kind`` in the address a new one."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    form_class = EvaluatorForm

    @cached_property
    def row(self) -> Evaluator | None:
        """The one of the address."""
        if "pk" not in self.kwargs:
            return None
        rows = self.workspace.scope(Evaluator.objects.select_related("tenant"))
        found: Evaluator = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    @property
    def kind(self) -> Kind:
        """What the form is made of."""
        found = kinds().get(self.row.kind if self.row is not None else self.kwargs["kind"])
        if found is None:
            raise Http404("There is no such kind of evaluator.")
        return found

    @property
    def tenant(self) -> Tenant | None:
        """Whose it is, or will be."""
        return self.workspace.tenant if self.row is None else self.row.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is the kind's."""
        return {**super().get_form_kwargs(), "kind": self.kind, "tenant": self.tenant, "row": self.row}

    def get_title(self) -> str:
        """Names the kind."""
        return f"Add an evaluator: {self.kind.title}" if self.row is None else self.row.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the kind looks at."""
        return super().get_context_data(intro=self.kind.about, **kwargs)

    def save(self, form: forms.Form) -> str:
        """Through the service, whose words about options stand above the form."""
        options = options_of(cast(Any, self.kind), form.cleaned_data)
        name = form.cleaned_data["name"]
        if self.row is not None:
            update_evaluator(evaluator=self.row, name=name, options=options)
        elif self.tenant is not None:
            create_evaluator(tenant=self.tenant, name=name, kind=self.kind.name, options=options)
        messages.success(self.request, f"“{name}” is ready for the next run.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("evaluators")


class EvaluatorDelete(WorkspacePage, View):
    """Takes an evaluator away; runs keep their scores."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """For good."""
        row: Evaluator = get_object_or_404(self.workspace.scope(Evaluator.objects.all()), pk=pk)
        delete_evaluator(evaluator=row)
        messages.success(request, f"“{row.name}” is gone. Runs keep their scores.")
        return go_to(request, self.workspace.url("evaluators"))
