"""What is done with a whole policy: made, named, bound, published, switched, rolled back, copied, deleted."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.forms.views import go_to
from guardrails import services
from guardrails.cases import CaseReport, run_cases
from guardrails.models import MAX_NAME_LENGTH, Policy
from guardrails.pages.case_words import failing_in_words
from guardrails.pages.policies import policy_in
from guardrails.pages.words import MODES, differences
from tenants.callable_names import callable_names
from tenants.models import ApiKey, Tenant
from tenants.pages.fields import InSections, NamesField, explained
from tenants.roles import TenantPermission
from tenants.validators import ROUTE_NAME
from tenants.workspaces import WorkspacePage

MOST_KEYS: Final = 200
"""That a form offers."""


class PolicyForm(InSections, forms.Form):
    """Name, order, and to which calls it applies."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, help_text="As events and refusals name it.")
    description = forms.CharField(max_length=300, required=False, help_text="What it is for.")
    order = forms.IntegerField(
        min_value=0, max_value=1_000_000, initial=100, help_text="Of several policies, the lowest goes first."
    )
    routes = NamesField(required=False, label="Only calls over these routes", help_text="None chosen: all calls.")
    keys = forms.MultipleChoiceField(
        required=False,
        label="Only calls with these API keys",
        help_text="None chosen: all keys.",
        widget=forms.CheckboxSelectMultiple,
    )
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "description")),
        ("Which calls", "Without any choice it applies to all.", ("routes", "keys")),
        ("Order", "", ("order",)),
    )

    def __init__(self, *args: Any, tenant: Tenant | None, policy: Policy | None = None, **kwargs: Any) -> None:
        if policy is not None:
            kwargs["initial"] = {
                "name": policy.name,
                "description": policy.description,
                "order": policy.order,
                "routes": policy.routes,
                "keys": [str(key) for key in policy.keys],
            }
        super().__init__(*args, **kwargs)
        chosen = policy.routes if policy else []
        self._offer_routes(tenant, chosen)
        if tenant is None:
            del self.fields["keys"]
            return
        self._offer_keys(tenant, policy.keys if policy else [])

    def _offer_keys(self, tenant: Tenant, chosen: Sequence[uuid.UUID]) -> None:
        own = ApiKey.objects.for_tenant(tenant)
        keys = list(own.order_by(F("last_used_at").desc(nulls_last=True), "-pk").only("name")[: MOST_KEYS + 1])
        if not keys:
            del self.fields["keys"]
            return
        box = self.fields["keys"]
        assert isinstance(box, forms.MultipleChoiceField)
        if len(keys) > MOST_KEYS:
            box.help_text = (
                f"None chosen: all keys. These are the {MOST_KEYS} that were used last, and those that are chosen; "
                "others can be named in guardrails.yaml and over the API."
            )
            keys = [*keys[:MOST_KEYS], *own.filter(pk__in=chosen).only("name")]
        names = {str(key.pk): key.name for key in keys}
        box.choices = [(key, names[key]) for key in sorted(names, key=names.__getitem__)]

    def _offer_routes(self, tenant: Tenant | None, chosen: list[str]) -> None:
        names = callable_names(tenant.pk).routes if tenant is not None else ()
        if not names and not chosen:
            self.fields["routes"] = RouteNamesField(
                required=False,
                label="Only calls over these routes",
                help_text="Names of routes with commas between them. Empty: all calls.",
            )
            return
        box = self.fields["routes"]
        assert isinstance(box, NamesField)
        box.offer(names, chosen)

    def policy_fields(self) -> dict[str, Any]:
        """What goes into the row."""
        cleaned = dict(self.cleaned_data)
        cleaned["keys"] = [uuid.UUID(key) for key in cleaned.get("keys", ())]
        return cleaned


class RouteNamesField(forms.CharField):
    """Names with commas between them, as a list."""

    def clean(self, value: Any) -> Any:
        """The names, each once.

        Raises:
            ValidationError: one cannot be a route's.
        """
        names = list(dict.fromkeys(part.strip() for part in super().clean(value).split(",") if part.strip()))
        for name in names:
            ROUTE_NAME(name)
        return names

    def prepare_value(self, value: Any) -> Any:
        """With commas; what was typed stays as it is."""
        return ", ".join(value) if isinstance(value, list) else value


class PolicyCreate(WorkspacePage, FormPage):
    """A new policy without rules."""

    permission = TenantPermission.MANAGE_GUARDRAILS
    template_name = "console/sections_form.html"
    form_class = PolicyForm
    title, submit_label = "Create a policy", "Create the policy"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form knows whose policy it will be."""
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def save(self, form: forms.Form) -> str:
        """It is off until a version is published."""
        assert isinstance(form, PolicyForm)
        row = services.create_policy(tenant=self.workspace.tenant, **form.policy_fields())
        messages.success(self.request, f"“{row.name}” is there. Add its first rule.")
        return self.workspace.url("policy", pk=row.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("policies")


class OfPolicy(WorkspacePage):
    """A page that changes one policy."""

    permission = TenantPermission.MANAGE_GUARDRAILS

    @property
    def policy(self) -> Policy:
        """The policy of the address, of those that are changed here."""
        return policy_in(self.workspace, self.kwargs["pk"], to_change=True)

    def cancel_url(self) -> str:
        """The policy."""
        return self.workspace.url("policy", pk=self.kwargs["pk"])


class PolicyEdit(OfPolicy, FormPage):
    """Name, order, and to which calls it applies. Takes effect at once: versions hold rules alone."""

    template_name = "console/sections_form.html"
    form_class = PolicyForm
    title, submit_label = "Settings of the policy", "Save"
    intro = "Which calls it applies to changes at once, also for the version in force."
    success_message = "Saved."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the policy as it is."""
        policy = self.policy
        return {**super().get_form_kwargs(), "tenant": policy.tenant, "policy": policy}

    def save(self, form: forms.Form) -> str:
        """Name, order and binding."""
        assert isinstance(form, PolicyForm)
        services.update_policy(policy=self.policy, **form.policy_fields())
        return self.cancel_url()


class PublishForm(forms.Form):
    """How, and why."""

    mode = forms.ChoiceField(
        label="The new version",
        choices=[
            (mode, explained(MODES[mode].label, MODES[mode].text)) for mode in (Policy.Mode.SHADOW, Policy.Mode.ENFORCE)
        ],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(max_length=300, required=False, help_text="What changes, and why; shown with the version.")
    accept_failing_cases = forms.BooleanField(
        label="Publish although cases fail",
        error_messages={"required": "Mend the rules or the cases, or say that you accept it."},
        help_text="The version and the audit log will say so.",
    )

    def __init__(self, *args: Any, failing: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not failing:
            del self.fields["accept_failing_cases"]


class PolicyPublish(OfPolicy, FormPage):
    """Freezes the draft and puts it in force."""

    template_name = "console/guardrails/publish.html"
    form_class = PublishForm
    title, submit_label = "Publish the draft", "Publish"
    intro = "Gateways apply it within a second. The version that is in force now stays, one click away."

    def get_initial(self) -> dict[str, Any]:
        """As it is now; the first version is for watching."""
        mode = self.policy.mode
        return {"mode": Policy.Mode.SHADOW if mode == Policy.Mode.OFF else mode}

    @cached_property
    def report(self) -> CaseReport:
        """What the draft makes of the policy's cases."""
        return run_cases(self.policy)

    def get_form_kwargs(self) -> dict[str, Any]:
        """With a box to tick where cases fail."""
        return {**super().get_form_kwargs(), "failing": len(self.report.failing)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what changes for calls."""
        policy = self.policy
        live = services.live_version_of(policy)
        changes = differences(live.rules if live else [], policy.rules)
        return super().get_context_data(
            policy=policy,
            changes=changes,
            failing=failing_in_words(self.report, policy),
            number_of_cases=len(self.report.results),
            reads=self.workspace.may(TenantPermission.VIEW_PAYLOADS),
            **kwargs,
        )

    def save(self, form: forms.Form) -> str:
        """The next version."""
        version = services.publish(policy=self.policy, **form.cleaned_data)
        words = MODES[form.cleaned_data["mode"]].label.lower()
        messages.success(self.request, f"Version {version.number} is in force, {words}.")
        return self.cancel_url()


class PolicyMode(OfPolicy, View):
    """Switches the version in force to shadow, to enforce, or off."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``mode`` says which."""
        policy, mode = self.policy, request.POST.get("mode", "")
        if mode in Policy.Mode.values:
            try:
                services.set_mode(policy=policy, mode=mode)
                messages.success(request, f"“{policy.name}”: {MODES[mode].label.lower()}. {MODES[mode].text}")
            except ValidationError as refusal:
                messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.cancel_url())


class PolicyRollBack(OfPolicy, View):
    """Puts an earlier version in force; with ``to=draft`` makes it the draft instead."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``version`` says which; without it the one before."""
        policy, number = self.policy, request.POST.get("version", "")
        wanted = int(number) if number.isdecimal() and len(number) < 9 else None
        try:
            if request.POST.get("to") == "draft" and wanted is not None:
                services.draft_from(policy=policy, number=wanted)
                messages.success(request, f"The draft is as version {wanted} was. Nothing changes until you publish.")
            else:
                version = services.roll_back(policy=policy, number=wanted)
                messages.success(request, f"Version {version.number} is in force. The draft stays as it is.")
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.cancel_url())


class CopyForm(forms.Form):
    """What a copy is called."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, help_text="The copy is off until you publish it.")


class PolicyCopy(WorkspacePage, FormPage):
    """A new policy of the workspace with another one's draft."""

    permission = TenantPermission.MANAGE_GUARDRAILS
    form_class = CopyForm
    title, submit_label = "Duplicate the policy", "Create the copy"
    success_message = "“{name}” is there."

    def get_initial(self) -> dict[str, Any]:
        """A name that is likely to be free."""
        return {"name": f"{policy_in(self.workspace, self.kwargs['pk']).name[:58]} copy"}

    def save(self, form: forms.Form) -> str:
        """Rules, routes and order; keys where the owner stays the same."""
        source = policy_in(self.workspace, self.kwargs["pk"])
        copy = services.duplicate_policy(
            policy=source, name=form.cleaned_data["name"], tenant=self.workspace.tenant or source.tenant
        )
        return self.workspace.url("policy", pk=copy.pk)

    def cancel_url(self) -> str:
        """The policy that would be copied."""
        return self.workspace.url("policy", pk=self.kwargs["pk"])


class PolicyDelete(OfPolicy, FormPage):
    """Deletes a policy with its versions."""

    form_class = TypedNameForm
    title, submit_label = "Delete the policy", "Delete the policy"
    intro = (
        "It applies to no call any more, within a second. Its versions and dry runs go; events that told of it stay."
    )
    danger = True

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the name that has to be typed."""
        return {**super().get_form_kwargs(), "expected": self.policy.name}

    def save(self, form: forms.Form) -> str:
        """For good."""
        policy = self.policy
        services.delete_policy(policy=policy)
        messages.success(self.request, f"“{policy.name}” is gone.")
        return self.workspace.url("policies")
