"""Rules of a draft: a kind is chosen, its form filled in; rules are moved and taken out where they stand."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from contracts.guardrails import RuleSpec
from guardrails import services
from guardrails.engine.kinds import KINDS, RuleKind
from guardrails.pages.invariant_help import EXAMPLES, functions, variables
from guardrails.pages.invariants import SAMPLE
from guardrails.pages.policy_changes import OfPolicy
from guardrails.pages.rule_forms import RuleForm
from guardrails.pages.words import shown_rule
from guardrails.validators import rule_of
from tenants.roles import TenantPermission

ICONS = {
    "pii": "user",
    "secrets": "key",
    "injection": "alert-triangle",
    "names": "users",
    "judge": "brain",
    "topic": "tags",
    "words": "list-search",
    "toxicity": "message",
    "max_length": "scale",
    "language": "world",
    "json_schema": "braces",
    "links": "link",
    "code": "code",
    "refusal": "circle-x",
    "invariant": "scale",
}
"""Of kinds that have one of their own."""


class RuleKinds(OfPolicy, TemplateView):
    """The kinds to choose from."""

    template_name = "console/guardrails/kinds.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Every kind that is installed."""
        kinds = [(kind, ICONS.get(kind.name, "shield-half")) for kind in KINDS.values()]
        return super().get_context_data(policy=self.policy, kinds=kinds, **kwargs)


class RulePage(OfPolicy, FormPage):
    """The form of one rule."""

    form_class = RuleForm

    def get_template_names(self) -> list[str]:
        """Rules about calls have an editor."""
        return [f"console/guardrails/{'invariant' if self.kind.about_calls else 'rule'}.html"]

    @property
    def kind(self) -> RuleKind:
        """What the form is made of."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is the kind's."""
        return {**super().get_form_kwargs(), "kind": self.kind}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whose rule it is."""
        if self.kind.about_calls:
            kwargs |= {
                "variables": variables(),
                "functions": functions(),
                "examples": EXAMPLES,
                "sample": SAMPLE,
                "may_read": self.policy.tenant_id is not None and self.workspace.may(TenantPermission.VIEW_PAYLOADS),
            }
        return super().get_context_data(policy=self.policy, kind=self.kind, **kwargs)


class RuleCreate(RulePage):
    """A new rule at the end of the draft."""

    submit_label = "Add the rule"

    @property
    def kind(self) -> RuleKind:
        """The one of the address."""
        found = KINDS.get(self.kwargs["kind"])
        if found is None:
            raise Http404("There is no such kind of rule.")
        return found

    def get_title(self) -> str:
        """Names the kind."""
        return f"Add a rule: {self.kind.title}"

    def save(self, form: forms.Form) -> str:
        """Into the draft; its id is made from its name."""
        assert isinstance(form, RuleForm)
        rule = msgspec.structs.replace(form.spec(form.cleaned_data), id="")
        services.put_rule(policy=self.policy, rule=rule)
        messages.success(self.request, f"“{rule.name}” is in the draft. Nothing changes for calls until you publish.")
        return self.cancel_url()


class RuleEdit(RulePage):
    """A rule of the draft."""

    submit_label = "Save the rule"

    @property
    def rule(self) -> RuleSpec:
        """The rule of the address.

        Raises:
            Http404: the draft has none of this id.
        """
        for plain in self.policy.rules:
            if plain["id"] == self.kwargs["rule"]:
                return rule_of(plain)
        raise Http404("The draft has no such rule; somebody may have removed it.")

    @property
    def kind(self) -> RuleKind:
        """The rule's; it stays."""
        found = KINDS.get(self.rule.kind)
        if found is None:
            raise Http404("This installation has no such kind of rule any more.")
        return found

    def get_title(self) -> str:
        """Names the rule."""
        return f"Rule “{self.rule.name}”"

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the rule as it is."""
        return {**super().get_form_kwargs(), "rule": self.rule}

    def save(self, form: forms.Form) -> str:
        """Into the draft."""
        assert isinstance(form, RuleForm)
        services.put_rule(policy=self.policy, rule=form.spec(form.cleaned_data))
        messages.success(self.request, "Saved in the draft. Nothing changes for calls until you publish.")
        return self.cancel_url()


class RuleMove(OfPolicy, View):
    """Moves a rule up or down, or takes it out; to htmx the list answers as it is now."""

    permission = TenantPermission.MANAGE_GUARDRAILS

    def post(self, request: HttpRequest, pk: Any, rule: str) -> HttpResponse:
        """``do`` says what: ``up``, ``down`` or ``remove``."""
        try:
            if request.POST.get("do") == "remove":
                row = services.remove_rule(policy=self.policy, rule_id=rule)
            else:
                row = services.move_rule(
                    policy=self.policy, rule_id=rule, by=-1 if request.POST.get("do") == "up" else 1
                )
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.cancel_url())
        if getattr(request, "htmx", False):
            rules = [shown_rule(plain) for plain in row.rules]
            return render(request, "console/guardrails/_rules.html", {"policy": row, "rules": rules, "editable": True})
        return go_to(request, self.cancel_url())
