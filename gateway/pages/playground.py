"""The playground: talking to one model, or to two side by side, through the gateway under the member's own key."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.generic import TemplateView, View

from console.forms import FormPage
from contracts.money import to_nano_usd, to_usd
from contracts.retrieval import registered_retrieval
from gateway.pages.explained import advice_for, page_url
from gateway.pages.person_page import PersonPage
from gateway.pages.run import document_urls
from gateway.pages.start import offered, root_of
from gateway.person_calls import PLAYGROUND, call_of_person, streamed_to_person
from gateway.snippets import PLACEHOLDER, snippets
from tenants.budget_figures import states_of
from tenants.models import Team, Tenant
from tenants.playground_keys import (
    DEFAULT_BUDGET_NANOUSD,
    playground_budget,
    playground_key,
    set_playground,
)
from tenants.workspaces import Workspace

ANY_RUN = "req_" + "0" * 32
"""Stands for a run's id in the address that the script completes."""
ANY_DOCUMENT = "00000000-0000-0000-0000-000000000000"
"""The same for a document's."""
BUDGET_PART = "pg-budget"
"""The id of the element that calls change."""
LANGUAGES = ("curl", "python", "node", "langchain")
SIMPLE_LANGUAGES = ("anthropic",)
"""For conversations of text alone."""
_ONLY_OF_OPENAI = frozenset({"tools", "response_format"})


class Playground(PersonPage, TemplateView):
    """The page; its calls are made by its script."""

    template_name = "console/playground/page.html"

    def get_template_names(self) -> list[str]:
        """The budget alone, where calls may have changed it."""
        part = self.request.htmx.target == BUDGET_PART  # type: ignore[attr-defined]
        return ["console/playground/_budget.html"] if part else [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The budget, and unless only that is asked for all the rest."""
        context = self._budget()
        if self.request.htmx.target != BUDGET_PART:  # type: ignore[attr-defined]
            context |= self._whole()
        return super().get_context_data(**context, **kwargs)

    def _budget(self) -> dict[str, Any]:
        budget = playground_budget(tenant=self.tenant, user=self.person)
        key = playground_key(tenant=self.tenant, user=self.person)
        may_see_rows = key is not None and self.person.is_staff
        return {
            "budget": states_of([budget])[0] if budget is not None else None,
            "default_nanousd": DEFAULT_BUDGET_NANOUSD,
            "team": key.team if key is not None else None,
            "key_row": reverse("admin:tenants_apikey_change", args=[key.pk])
            if key is not None and may_see_rows
            else "",
        }

    def _whole(self) -> dict[str, Any]:
        found = offered(self.tenant)
        settings = {
            "offers": msgspec.to_builtins(found["offers"]),
            "advice": advice_for(self.workspace),
            "answer": self.workspace.url("playground-answer"),
            "code": self.workspace.url("playground-code"),
            "run": page_url(self.workspace, "run", run=ANY_RUN),
            "anyRun": ANY_RUN,
            "document": document_urls(self.workspace)(ANY_DOCUMENT, 0, 0).partition("?")[0],
            "anyDocument": ANY_DOCUMENT,
            # What may not be kept of the tenant's calls is not kept in addresses and browsers either.
            "keepsContent": self.tenant.payload_storage == Tenant.PayloadStorage.STORED,
            "name": f"playground:{self.workspace.key}:{self.person.pk}",
        }
        return {
            **found,
            "settings": settings,
            "lanes": ("First", "Second"),
            "collections": self._collections(),
            "keeps_content": settings["keepsContent"],
        }

    def _collections(self) -> Sequence[str]:
        """What answers may be asked to rest on."""
        parts = registered_retrieval()
        return parts.names(str(self.tenant.pk)) if parts is not None and parts.names is not None else ()


class PlaygroundAnswer(PersonPage, View):
    """One call; the body is that of ``/v1/chat/completions``, the answer server-sent events."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Make it."""
        body = _object_in(request)
        if body is None:
            return JsonResponse({"error": {"code": "INVALID_REQUEST", "message": "Send a JSON object."}}, status=400)
        return streamed_to_person(request, call_of_person(request, self.tenant, self.person, body, source=PLAYGROUND))


class PlaygroundCode(PersonPage, View):
    """The call of the page as code."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Nothing changes; a POST, since the conversation does not fit into an address and has no place there."""
        body = _object_in(request) or {}
        if not isinstance(body.get("messages"), list):
            return HttpResponse("There are no messages.", status=400, content_type="text/plain")
        simple = not _ONLY_OF_OPENAI & body.keys() and all(_is_text(message) for message in body["messages"])
        languages = LANGUAGES + SIMPLE_LANGUAGES if simple else LANGUAGES[:3]
        shown = snippets(root=root_of(request), key=PLACEHOLDER, body=body, only=languages)
        return render(request, "console/playground/_code.html", {"snippets": shown})


class PlaygroundBudgetForm(forms.Form):
    """How much a day, and under which team it counts."""

    dollars = forms.DecimalField(
        label="US dollars a day",
        min_value=Decimal("0.01"),
        max_value=Decimal(10_000),
        max_digits=9,
        decimal_places=4,
        help_text="Calls from the playground beyond it are refused until midnight in the tenant's time zone.",
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        label="Count under",
        required=False,
        empty_label="No team",
        help_text="The team's limits and budgets then hold for your playground as well.",
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams: Any = self.fields["team"]
        teams.queryset = workspace.scope(Team.objects.order_by("name"))


class PlaygroundBudget(PersonPage, FormPage):
    """What the member's own calls may cost."""

    form_class = PlaygroundBudgetForm
    title, submit_label = "Your playground budget", "Save"
    intro = "It holds for your calls from pages only. All other limits and budgets of the tenant hold besides."
    success_message = "Your playground may spend ${dollars} a day."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the teams of the workspace."""
        return {**super().get_form_kwargs(), "workspace": self.workspace}

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        budget = playground_budget(tenant=self.tenant, user=self.person)
        key = playground_key(tenant=self.tenant, user=self.person)
        nano = budget.limit_nanousd if budget is not None else DEFAULT_BUDGET_NANOUSD
        return {"dollars": to_usd(nano), "team": key.team if key is not None else None}

    def save(self, form: forms.Form) -> str:
        """Set both."""
        set_playground(
            tenant=self.tenant,
            user=self.person,
            limit_nanousd=to_nano_usd(form.cleaned_data["dollars"]),
            team=form.cleaned_data["team"],
        )
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Back to the playground."""
        return self.workspace.url("playground")


def _object_in(request: HttpRequest) -> dict[str, Any] | None:
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None
    return body if isinstance(body, dict) else None


def _is_text(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("content"), str)
