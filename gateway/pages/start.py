"""Getting started: from a key to the first call that one sees, in the portal and for those who run the platform."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.generic import TemplateView, View

from contracts.errors import ServiceUnavailable
from events.models import Run
from gateway.exchange import Answer
from gateway.pages.explained import ADVICE, OTHER, error_of, page_url, shown
from gateway.pages.offers import Offer, offers_of
from gateway.pages.person_page import PersonPage
from gateway.pages.start_steps import Step, platform_steps, tenant_steps
from gateway.person_calls import answer_to_person, call_of_person
from gateway.snippets import FIRST_CALL, PLACEHOLDER, Snippet, snippets
from tenants.keys import Scope
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.services import create_key
from tenants.workspaces import Workspace, WorkspacePage

MOST_CALLS = 5
MOST_TENANTS = 50
SOURCE = "getting-started"
SCOPES = (Scope.CHAT.value, Scope.EMBEDDINGS.value, Scope.MODELS.value, Scope.RUNS.value)
"""Of a first key: calling, and reading what became of the calls."""
PARTS = {"start-steps": "console/start/_steps.html", "start-calls": "console/start/_calls.html"}
"""What is re-read at events, by the id of its element."""
_KEY_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class FirstKeyForm(forms.Form):
    """A name is all that a first key needs."""

    name = forms.CharField(max_length=200, label="Name of the key", initial="My first key")


@dataclass(frozen=True, slots=True)
class Code:
    """Snippets with what they call."""

    model: str
    key: str
    snippets: list[Snippet]


class StartPage(WorkspacePage, TemplateView):
    """Steps with check marks, the endpoint, code to copy, a first call, and the calls as they arrive."""

    template_name = "console/start/page.html"

    def get_template_names(self) -> list[str]:
        """One part alone where only that is asked for."""
        return [PARTS.get(self.request.htmx.target or "", self.template_name)]  # type: ignore[attr-defined]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the page, or one part of it, shows."""
        part = self.request.htmx.target if self.request.htmx else ""  # type: ignore[attr-defined]
        context: dict[str, Any] = {"portal": self.portal, "tenant": self.tenant}
        if part != "start-calls":
            context |= self._steps()
        if part != "start-steps":
            context |= self._calls()
        if part not in PARTS:
            context |= self._whole()
        return super().get_context_data(**context, **kwargs)

    @cached_property
    def tenant(self) -> Tenant | None:
        """Whose calls are tried out: the portal's; on the platform the one that was chosen, else the oldest."""
        if self.workspace.tenant is not None:
            return self.workspace.tenant
        active = Tenant.objects.filter(active=True).order_by("created_at")
        if chosen := self.request.GET.get("tenant"):
            return get_object_or_404(active, slug=chosen)
        return active.first()

    @cached_property
    def portal(self) -> Workspace | None:
        """The tenant's workspace, where calls are made."""
        if self.workspace.tenant is not None:
            return self.workspace
        return None if self.tenant is None else Workspace(self.request.user, self.tenant)

    def _steps(self) -> dict[str, Any]:
        if self.workspace.tenant is not None:
            steps = tenant_steps(self.workspace, self.workspace.tenant)
        else:
            steps = platform_steps(self.workspace)
        return {"steps": steps, "done": sum(step.done for step in steps), "next_step": _next(steps)}

    def _calls(self) -> dict[str, Any]:
        return {"calls": newest_calls(self.workspace, self.portal)}

    def _whole(self) -> dict[str, Any]:
        if self.tenant is None or self.portal is None:
            return {}
        root, found = root_of(self.request), offered(self.tenant)
        return {
            "root": root,
            **found,
            "code": code_of(root, _offered_name(found["offers"], ""), PLACEHOLDER),
            "key_form": FirstKeyForm(),
            "portal_urls": actions_of(self.portal),
            "may_call": self.portal.may(TenantPermission.MANAGE_KEYS),
            "tenants": self._tenants(),
        }

    def _tenants(self) -> list[Tenant]:
        if not self.workspace.is_platform:
            return []
        return list(Tenant.objects.filter(active=True).order_by("name")[:MOST_TENANTS])


def _next(steps: list[Step]) -> int:
    """The number of the first step that is to be done; 0 when all are done."""
    return next((number for number, step in enumerate(steps, 1) if not step.done), 0)


class StartCode(PersonPage, View):
    """The snippets for another model, with the key that the reader has just been shown."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Nothing changes; a POST, so that the key is in no address."""
        key = request.POST.get("key", "")
        model = _offered_name(offered(self.tenant)["offers"], request.POST.get("model", ""))
        code = code_of(root_of(request), model, key if _KEY_SHAPE.fullmatch(key) else PLACEHOLDER)
        return render(request, "console/start/_code.html", {"code": code})


class StartKey(PersonPage, View):
    """A first key, shown once, in code that is ready to be run."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create it."""
        form = FirstKeyForm(request.POST)
        context: dict[str, Any] = {"portal_urls": actions_of(self.workspace), "key_form": form, **offered(self.tenant)}
        clear = self._created(form) if form.is_valid() else ""
        model = _offered_name(context["offers"], request.POST.get("model", ""))
        context["clear"] = clear
        context["code"] = code_of(root_of(request), model, clear or PLACEHOLDER)
        template = "console/start/_key.html" if request.htmx else "console/start/key.html"  # type: ignore[attr-defined]
        response = render(request, template, context)
        response["Cache-Control"] = "no-store"
        return response

    def _created(self, form: FirstKeyForm) -> str:
        try:
            _key, clear = create_key(tenant=self.tenant, name=form.cleaned_data["name"], scopes=SCOPES)
        except ValidationError as refusal:
            form.add_error(None, refusal)
            return ""
        return clear


class StartCall(PersonPage, View):
    """One real call, made here and now."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make it and say what came back."""
        model = request.POST.get("model", "")[:200]
        body = {**({"model": model} if model else {}), **FIRST_CALL, "max_tokens": 200}
        call = call_of_person(request, self.tenant, self.person, body, source=SOURCE)
        context = told(answer_to_person(call), self.workspace)
        template = "console/start/_answer.html" if request.htmx else "console/start/answer.html"  # type: ignore[attr-defined]
        return render(request, template, context)


def told(answer: Answer, workspace: Workspace) -> dict[str, Any]:
    """A whole answer as the page shows it."""
    body = msgspec.json.decode(answer.body)
    error = error_of(body)
    correlation_id = str(error.get("correlation_id") or body.get("correlation_id") or "")
    told: dict[str, Any] = {
        "correlation_id": correlation_id,
        "run_url": page_url(workspace, "run", run=correlation_id) if correlation_id else "",
    }
    if error:
        advice = ADVICE.get(str(error.get("code")), OTHER)
        return {**told, "error": error, "advice": shown(workspace, advice)}
    usage = body.get("usage") or {}
    return {
        **told,
        "text": body.get("output_text", ""),
        "route": body.get("route", ""),
        "target": f"{body.get('provider', '')}/{body.get('model', '')}",
        "tokens": usage.get("total_tokens"),
        "cost": (body.get("cost") or {}).get("nanousd") if workspace.may(TenantPermission.VIEW_COSTS) else None,
    }


def newest_calls(workspace: Workspace, portal: Workspace | None) -> list[Run]:
    """The tenant's last calls with ``url`` to their pages, as far as the viewer may see single calls."""
    if portal is None or not portal.may(TenantPermission.VIEW_RUNS):
        return []
    runs = list(portal.scope(Run.objects.all()).order_by("-started_at")[:MOST_CALLS])
    may_see_costs = portal.may(TenantPermission.VIEW_COSTS)
    for run in runs:
        run.url = page_url(workspace, "run", run=run.correlation_id)  # type: ignore[attr-defined]
        target = f"{run.provider}/{run.model}" if run.model else ""
        # A model that is called by its name is its own route.
        run.target = "" if target == run.route else target  # type: ignore[attr-defined]
        if not may_see_costs:
            run.cost_nanousd = None
    return runs


def actions_of(portal: Workspace) -> dict[str, str]:
    """Where the page's forms go: always to the tenant's own addresses."""
    return {name: portal.url(f"start-{name}") for name in ("call", "key", "code")}


def offered(tenant: Tenant) -> dict[str, Any]:
    """What calls may name, in groups; ``unreachable`` says that nobody knows at the moment."""
    try:
        offers = offers_of(tenant)
    except ServiceUnavailable as error:
        return {"offers": [], "unreachable": error.message}
    return {"offers": offers}


def _offered_name(offers: list[Offer], wanted: str) -> str:
    """``wanted`` where it is offered, else the default; empty where nothing is."""
    names = [offer.name for offer in offers]
    return wanted if wanted in names else (names[0] if names else "")


def code_of(root: str, model: str, key: str) -> Code:
    """The first call in every language."""
    body = {**({"model": model} if model else {}), **FIRST_CALL}
    return Code(model, key, snippets(root=root, key=key, body=body))


def root_of(request: HttpRequest) -> str:
    """The installation's address as the reader's browser has it, without a slash at the end."""
    return request.build_absolute_uri("/").rstrip("/")
