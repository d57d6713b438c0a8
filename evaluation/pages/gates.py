"""Gates of a golden set: what a change may not cost, and runs held to it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import add_refusal, go_to
from evaluation.gates import check_gate, create_gate, delete_gate, update_gate
from evaluation.models import MAX_NAME_LENGTH, EvalRun, Evaluator, Gate, Variant
from evaluation.pages.golden_sets import OfSet
from evaluation.pages.words import OUTCOMES
from tenants.roles import TenantPermission

MOST_VARIANTS = 100


class GateForm(forms.Form):
    """What is held, and how surely."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, help_text="As commands name it.")
    evaluator = forms.ChoiceField(label="The score of")
    max_drop = forms.FloatField(
        label="May fall by, in points",
        initial=2,
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="Of 100: a score from 0.90 to 0.88 has fallen by two points.",
    )
    confidence = forms.ChoiceField(
        choices=[("0.9", "90%"), ("0.95", "95%"), ("0.99", "99%")],
        initial="0.95",
        help_text="How sure it has to be that the score has fallen by more, before the gate fails.",
    )


class GatePage(OfSet, FormPage):
    """The form of a gate; without a gate in the address a new one."""

    form_class = GateForm

    @cached_property
    def gate(self) -> Gate | None:
        """The one of the address."""
        if "gate" not in self.kwargs:
            return None
        found: Gate = get_object_or_404(
            Gate.objects.filter(tenant=self.golden_set.tenant_id, golden_set=self.golden_set), pk=self.kwargs["gate"]
        )
        return found

    def get_title(self) -> str:
        """New, or which."""
        return "Add a gate" if self.gate is None else self.gate.name

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        if self.gate is None:
            return {}
        return {
            "name": self.gate.name,
            "evaluator": self.gate.evaluator,
            "max_drop": round(self.gate.max_drop * 100, 6),
            "confidence": f"{self.gate.confidence:g}",
        }

    def get_form(self, form_class: Any = None) -> Any:
        """With the evaluators that there are."""
        form: Any = super().get_form(form_class)
        names = list(Evaluator.objects.filter(tenant=self.golden_set.tenant_id).values_list("name", flat=True))
        known = [*names, "answered", *([self.gate.evaluator] if self.gate else [])]
        form.fields["evaluator"].choices = [(one, one) for one in dict.fromkeys(known)]
        return form

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        cleaned = form.cleaned_data
        fields = {"max_drop": cleaned["max_drop"] / 100, "confidence": float(cleaned["confidence"])}
        named = {"name": cleaned["name"], "evaluator": cleaned["evaluator"]}
        if self.gate is None:
            create_gate(golden_set=self.golden_set, **named, **fields)
        else:
            update_gate(gate=self.gate, **named, **fields)
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The set's gates."""
        return f"{super().cancel_url()}?tab=gates"


class GateDelete(OfSet, View):
    """Takes a gate away."""

    def post(self, request: HttpRequest, pk: Any, gate: Any) -> HttpResponse:
        """For good."""
        rows = Gate.objects.filter(tenant=self.golden_set.tenant_id, golden_set=self.golden_set)
        row: Gate = get_object_or_404(rows, pk=gate)
        delete_gate(gate=row)
        messages.success(request, f"Nothing is held to “{row.name}” any more.")
        return go_to(request, f"{self.cancel_url()}?tab=gates")


class CheckForm(forms.Form):
    """What is held to what."""

    candidate = forms.ChoiceField(help_text="What is to go live.")
    baseline = forms.ChoiceField(help_text="What is live.")


class GateCheck(OfSet, FormPage):
    """Holds a candidate to the gate, and shows what came of it."""

    template_name = "console/evaluation/gate_check.html"
    form_class = CheckForm
    submit_label = "Check"

    @cached_property
    def gate(self) -> Gate:
        """The one of the address."""
        rows = Gate.objects.filter(tenant=self.golden_set.tenant_id, golden_set=self.golden_set)
        found: Gate = get_object_or_404(rows, pk=self.kwargs["gate"])
        return found

    def get_title(self) -> str:
        """Names the gate."""
        return f"Gate “{self.gate.name}”"

    @cached_property
    def offered(self) -> list[Variant]:
        """Variants of runs over the set that are done, the newest runs first."""
        rows = Variant.objects.filter(
            tenant=self.golden_set.tenant_id, run__version__golden_set=self.golden_set, run__state=EvalRun.State.DONE
        )
        return list(rows.select_related("run__version").order_by("-run__requested_at", "position")[:MOST_VARIANTS])

    def get_form(self, form_class: Any = None) -> Any:
        """With the variants to choose from."""
        form: Any = super().get_form(form_class)
        named = [
            (str(one.pk), f"{one.name} · {one.run.name}, {one.run.requested_at:%d %b %H:%M}") for one in self.offered
        ]
        form.fields["candidate"].choices = form.fields["baseline"].choices = named
        if len(named) > 1:
            form.fields["candidate"].initial, form.fields["baseline"].initial = named[1][0], named[0][0]
        return form

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """The outcome below the form."""
        by_id = {str(one.pk): one for one in self.offered}
        candidate, baseline = (by_id[form.cleaned_data[name]] for name in ("candidate", "baseline"))
        try:
            outcome = check_gate(gate=self.gate, candidate=candidate, baseline=baseline)
        except ValidationError as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        return self.render_to_response(
            self.get_context_data(
                form=form,
                outcome=outcome,
                words=OUTCOMES[outcome.outcome],
                candidate=candidate,
                baseline_variant=baseline,
            )
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """And the command that does the same."""
        example = self.offered[0] if self.offered else None
        tenant = self.golden_set.tenant.slug
        run = example.run_id if example else "RUN"
        command = (
            f'manage.py eval gate "{self.gate.name}" --tenant {tenant} \\\n  --candidate {run}/VARIANT '
            f"--baseline {run}/VARIANT"
        )
        shown = {"gate": self.gate, "command": command, "offered": self.offered}
        return super().get_context_data(**{**shown, **kwargs})

    def cancel_url(self) -> str:
        """The set's gates."""
        return f"{super().cancel_url()}?tab=gates"

    permission = TenantPermission.MANAGE_EVALUATIONS
