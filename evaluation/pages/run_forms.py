"""The form by which a run is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404

from console.forms import FormPage
from evaluation.golden_sets import newest_version, usable_items_of
from evaluation.models import MAX_NAME_LENGTH, EvalRun, Evaluator, GoldenSet, Variant
from evaluation.pages.evaluators import title_of
from evaluation.runs import MAX_CONCURRENCY, VariantChoice, start_run
from guardrails.models import PolicyVersion
from tenants.callable_names import callable_names
from tenants.models import Tenant
from tenants.pages.fields import DollarsField, InSections, explained
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

PLACES: Final = 4
"""Variants that the form has room for; the API takes six."""
LETTERS: Final = "ABCDEF"
MOST_CHOICES: Final = 200


class RunForm(InSections, forms.Form):
    """Golden set, variants, evaluators, bounds."""

    golden_set = forms.ModelChoiceField(GoldenSet.objects.none(), empty_label=None)
    split = forms.CharField(required=False, max_length=32, help_text="Only items of this split. Empty: all.")
    name = forms.CharField(max_length=MAX_NAME_LENGTH, help_text="What it is to find out.")
    evaluators = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    concurrency = forms.IntegerField(
        min_value=1, max_value=MAX_CONCURRENCY, initial=4, label="Items at once", help_text="At most 32."
    )
    max_output_tokens = forms.IntegerField(
        min_value=1, max_value=200_000, initial=1_024, label="Output tokens of an answer", help_text="At most."
    )
    budget = DollarsField(required=False, label="Budget for answers, US dollars", help_text="Empty: no own bound.")
    judge_budget = DollarsField(required=False, label="Budget for judges, US dollars", help_text="Empty: no own bound.")

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.fields["golden_set"].queryset = GoldenSet.objects.for_tenant(tenant)  # type: ignore[attr-defined]
        rows = Evaluator.objects.for_tenant(tenant)
        self.fields["evaluators"].choices = [  # type: ignore[attr-defined]
            (str(one.pk), explained(one.name, title_of(one.kind))) for one in rows
        ]
        known = callable_names(tenant.pk)
        names = list(dict.fromkeys([*known.routes, *known.models]))
        policies = _policy_choices(tenant)
        for at in range(PLACES):
            self._add_variant(at, names, policies)
        self.sections = (  # type: ignore[misc]
            ("", "", ("name", "golden_set", "split")),
            *(self._section(at) for at in range(PLACES)),
            ("Evaluators", "Cost, latency and tokens are always measured.", ("evaluators",)),
            ("Bounds", "Calls are the tenant's own: they count in its budgets as well.", BOUNDS),
        )

    def _add_variant(self, at: int, names: list[str], policies: list[tuple[str, str]]) -> None:
        needed = at == 0
        models = [(one, one) for one in names]
        self.fields[f"model_{at}"] = forms.ChoiceField(
            label="Route or model", required=needed, choices=models if needed else [("", "None"), *models]
        )
        self.fields[f"name_{at}"] = forms.CharField(
            label="Name", required=False, max_length=MAX_NAME_LENGTH, help_text="Empty: the route's or model's."
        )
        self.fields[f"system_prompt_{at}"] = forms.CharField(
            label="System prompt", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3})
        )
        self.fields[f"template_{at}"] = forms.CharField(
            label="Template",
            required=False,
            strip=False,
            widget=forms.Textarea(attrs={"rows": 2, "placeholder": "{{context}}\n\n{{input}}"}),
            help_text="Around what the user says: {{input}} and {{context}} are filled in.",
        )
        self.fields[f"policy_{at}"] = forms.ChoiceField(
            label="Guardrails", required=False, choices=[("", "As in force"), *policies]
        )

    def _section(self, at: int) -> tuple[str, str, tuple[str, ...]]:
        about = "What the others are compared with." if at == 0 else ""
        fields = tuple(f"{name}_{at}" for name in ("model", "name", "system_prompt", "template", "policy"))
        return (f"Variant {LETTERS[at]}", about or ("Optional." if at > 1 else ""), fields)

    def clean(self) -> dict[str, Any]:
        """Names of variants differ."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            names = [one.name for one in self.choices()]
            if len(set(names)) < len(names):
                raise ValidationError("Two variants have the same name: give each one of its own.")
        return cleaned

    def choices(self) -> list[VariantChoice]:
        """The variants that were filled in."""
        found = []
        for at in range(PLACES):
            model = self.cleaned_data.get(f"model_{at}")
            if not model:
                continue
            version = self._version(self.cleaned_data.get(f"policy_{at}") or "")
            found.append(
                VariantChoice(
                    name=(self.cleaned_data.get(f"name_{at}") or "").strip() or model,
                    model=model,
                    system_prompt=self.cleaned_data.get(f"system_prompt_{at}") or "",
                    template=self.cleaned_data.get(f"template_{at}") or "",
                    policy=version.policy if version else None,
                    policy_version=version.number if version else None,
                )
            )
        return found

    def _version(self, pk: str) -> PolicyVersion | None:
        return _versions(self.tenant).filter(pk=pk).first() if pk else None


BOUNDS: Final = ("concurrency", "max_output_tokens", "budget", "judge_budget")


def _versions(tenant: Tenant) -> Any:
    return PolicyVersion.objects.filter(Q(tenant=tenant) | Q(tenant=None)).select_related("policy")


def _policy_choices(tenant: Tenant) -> list[tuple[str, str]]:
    rows = _versions(tenant).order_by("policy__name", "-number")[:MOST_CHOICES]
    return [(str(one.pk), f"{one.policy.name} v{one.number}") for one in rows]


class RunCreate(WorkspacePage, FormPage):
    """Asks for a run; ``?set=`` and ``?like=`` (a run) fill the form."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    template_name = "console/evaluation/run_form.html"
    form_class = RunForm
    title, submit_label = "Start a run", "Start the run"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form offers what the tenant has."""
        if self.workspace.tenant is None:
            raise Http404
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def get_initial(self) -> dict[str, Any]:
        """From the address."""
        tenant, given = self.workspace.tenant, self.request.GET
        if given.get("like") and tenant is not None:
            return self._like(tenant, given["like"])
        first = GoldenSet.objects.for_tenant(tenant).first() if tenant is not None else None
        chosen = given.get("set") or (str(first.pk) if first else "")
        every = [str(pk) for pk in Evaluator.objects.filter(tenant=tenant).values_list("pk", flat=True)[:20]]
        return {"golden_set": chosen, "evaluators": every, "name": "First run"}

    @staticmethod
    def _like(tenant: Tenant, pk: str) -> dict[str, Any]:
        try:
            run = EvalRun.objects.for_tenant(tenant).filter(pk=pk).select_related("version").first()
        except ValidationError:
            run = None
        if run is None:
            raise Http404("There is no such run.")
        names = [one["name"] for one in run.evaluators]
        evaluators = Evaluator.objects.for_tenant(tenant).filter(name__in=names).values_list("pk", flat=True)
        found = {
            "golden_set": str(run.version.golden_set_id),
            "split": run.split,
            "name": run.name,
            "evaluators": [str(one) for one in evaluators],
            "concurrency": run.concurrency,
            "max_output_tokens": run.max_output_tokens,
            "budget": run.budget_nanousd,
            "judge_budget": run.judge_budget_nanousd,
        }
        for one in Variant.objects.for_tenant(tenant).filter(run=run, position__lt=PLACES):
            for name in ("model", "name", "system_prompt", "template"):
                found[f"{name}_{one.position}"] = getattr(one, name)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is anything to run, and to score with."""
        return super().get_context_data(no_sets=not self._sets, no_evaluators=not self._has_evaluators, **kwargs)

    @cached_property
    def _sets(self) -> list[GoldenSet]:
        return list(GoldenSet.objects.filter(tenant=self.workspace.tenant)[:1])

    @cached_property
    def _has_evaluators(self) -> bool:
        return Evaluator.objects.filter(tenant=self.workspace.tenant).exists()

    def save(self, form: forms.Form) -> str:
        """Over the set's newest version."""
        assert isinstance(form, RunForm)
        cleaned = form.cleaned_data
        version = newest_version(cleaned["golden_set"])
        if not usable_items_of(version).exists():
            raise ValidationError({"golden_set": "The golden set has no items yet."})
        rows = Evaluator.objects.for_tenant(form.tenant).filter(pk__in=cleaned["evaluators"])
        run = start_run(
            version=version,
            name=cleaned["name"],
            variants=form.choices(),
            evaluators=list(rows),
            split=cleaned["split"],
            concurrency=cleaned["concurrency"],
            max_output_tokens=cleaned["max_output_tokens"],
            budget_nanousd=cleaned["budget"],
            judge_budget_nanousd=cleaned["judge_budget"],
        )
        messages.success(self.request, "The run is on its way. You may leave this page: it goes on.")
        return self.workspace.url("eval-run", pk=run.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("eval-runs")
