"""The live tester: a text is pasted, and the page says what the draft would do with it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import View

from console.forms.views import go_to
from contracts.guardrails import Stage
from guardrails import services
from guardrails.compile import compile_draft
from guardrails.model_callers import caller_of
from guardrails.pages.policies import may_change, policy_in
from guardrails.pages.policy_changes import OfPolicy
from guardrails.pages.words import ACTIONS, STAGES, Words
from guardrails.trial import Hit, Trial, try_text
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MAX_LENGTH = 100_000


class TryForm(forms.Form):
    """A text and where in a call it would stand."""

    stage = forms.ChoiceField(label="It is", choices=[(stage, words.label) for stage, words in STAGES.items()])
    text = forms.CharField(
        label="Text",
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 9, "placeholder": "Paste a prompt, an answer or a tool's result.", "spellcheck": "false"}
        ),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text; ``words`` where rules matched in it."""

    text: str
    words: Words | None = None
    about: str = ""


def pieces_of(text: str, hits: Sequence[Hit]) -> list[Piece]:
    """The text cut where findings begin and end; of several at one place the strongest action colours it."""
    order = list(ACTIONS)
    spans = [
        (finding.start, finding.end, hit.rule, finding)
        for hit in hits
        for finding in hit.findings
        if finding.start < finding.end
    ]
    cuts = sorted({0, len(text), *(place for span in spans for place in span[:2])})
    pieces = []
    for start, end in pairwise(cuts):
        here = [span for span in spans if span[0] <= start and end <= span[1]]
        if not here:
            pieces.append(Piece(text[start:end]))
            continue
        strongest = max(here, key=lambda span: order.index(span[2].action))
        about = "; ".join(f"{span[2].name}: {span[3].entity}" for span in here)
        pieces.append(Piece(text[start:end], ACTIONS[strongest[2].action], about))
    return pieces


class PolicyTest(WorkspacePage, View):
    """Tries a text on the draft. Nothing is stored."""

    permission = TenantPermission.VIEW_TENANT

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What would happen, as a fragment; as a page without script."""
        policy = policy_in(self.workspace, pk)
        form = TryForm(request.POST)
        shown: dict[str, Any] = {"form": form, "policy": policy}
        if form.is_valid():
            # Models cost money: they are asked by whoever presses the button, and may change the policy.
            asks = "judges" in request.POST and may_change(self.workspace, policy)
            trial = try_text(
                compile_draft(policy),
                Stage(form.cleaned_data["stage"]),
                form.cleaned_data["text"],
                caller=caller_of(policy.tenant_id) if asks else None,
            )
            shown |= outcome_of(trial) | {
                "stage": form.cleaned_data["stage"],
                "may_mark": may_change(self.workspace, policy),
            }
        whole = not getattr(request, "htmx", False)
        return render(request, f"console/guardrails/{'try_page' if whole else '_outcome'}.html", shown)


def outcome_of(trial: Trial) -> dict[str, Any]:
    """The trial in words."""
    return {
        "trial": trial,
        "done": ACTIONS[trial.action],
        "quiet": not trial.hits and not trial.failures and not trial.unasked,
        "pieces": pieces_of(trial.text, trial.hits),
        "changed": trial.rewritten != trial.text,
        "hits": [(hit, ACTIONS[hit.action]) for hit in trial.hits],
    }


class FalsePositiveMark(OfPolicy, View):
    """Notes that a rule took offence at something harmless."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``rule`` and ``text``, or its ``hash``, say what."""
        policy, text = self.policy, request.POST.get("text", "")
        rule = request.POST.get("rule", "")[:64]
        try:
            if len(text) > MAX_LENGTH or not rule:
                raise ValidationError("There is nothing to mark.")
            services.mark_false_positive(
                policy=policy,
                rule_id=rule,
                text=text,
                text_hash=request.POST.get("hash", ""),
                correlation_id=request.POST.get("run", "")[:64],
                stage=request.POST.get("stage", "") or Stage.INPUT.value,
            )
            messages.success(request, "Marked as a false positive.")
        except ValidationError as refusal:
            messages.info(request, " ".join(refusal.messages))
        return go_to(request, f"{self.cancel_url()}?tab=hits")
