"""Dry run: where a request would go and why, decided by the gateway's own code, without making the call."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.generic import View

from contracts.chat import JsonObject
from contracts.errors import GatewayError
from contracts.ids import uuids_in
from contracts.tenant_scope import across_tenants
from events.models import Run
from events.selectors import run_of
from gateway.engine.rehearsal import Question, Rehearsed
from gateway.formats.validation import decode_object
from gateway.pages.dry_run_use import budgets_with_use, limits_with_use
from gateway.pages.dry_run_words import TargetLine, route_line, switched_off, target_line, verdict
from gateway.process import running
from routing.admin_fields import PairsField
from routing.models import Target
from routing.worker_pulses import Pulses, worker_pulses
from tenants.models import ApiKey, Tenant
from tenants.permissions import tenants_of
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_CHOICES = 200
RECENT_RUNS = 15
LONGEST_BODY = 200_000
ANY_KEY = ("", "Any key")
PLACEHOLDER = "Where is my order?"


class DryRunForm(forms.Form):
    """The request in question."""

    tenant = forms.ChoiceField(label="Tenant")
    key = forms.ChoiceField(label="API key", required=False, help_text="What it may use, its limits and budgets apply.")
    kind = forms.ChoiceField(
        label="Kind", choices=[("chat", "Chat completion"), ("embeddings", "Embeddings")], initial="chat"
    )
    body = forms.CharField(
        label="Request body",
        max_length=LONGEST_BODY,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "code-input"}),
        help_text="As the application would send it.",
    )
    tags = PairsField(
        label="Tags",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "team: search", "spellcheck": "false"}),
        help_text="One “name: value” a line; added to those of the body.",
    )
    headers = PairsField(
        label="Headers",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "x-region: eu", "spellcheck": "false"}),
        help_text="One “name: value” a line.",
    )

    def clean_body(self) -> JsonObject:
        """A JSON object."""
        try:
            return decode_object(self.cleaned_data["body"].encode())
        except GatewayError as error:
            raise ValidationError(error.message) from error


class DryRun(WorkspacePage, View):
    """The form, and below it what would become of the request."""

    permission = TenantPermission.VIEW_RUNS

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, filled with what the URL names: a route or model, or a run."""
        tenant = self._tenant(request.GET.get("tenant", ""))
        initial: dict[str, Any] = {"kind": "chat", "body": _sample(request.GET.get("model", ""))}
        run = request.GET.get("run", "")
        if run:
            tenant, told = self._of_run(run, tenant)
            initial |= told
        initial["tenant"] = tenant.slug if tenant is not None else ""
        form = self._form(tenant, key=initial.get("key", ""), initial=initial)
        return self._page(request, form, tenant)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The answer; nothing is called, counted or kept."""
        tenant = self._tenant(request.POST.get("tenant", ""))
        form = self._form(tenant, key=request.POST.get("key", ""), data=request.POST)
        if tenant is None or not form.is_valid():
            return self._page(request, form, tenant)
        key = _key_of(tenant, form.cleaned_data["key"])
        done = running().run(_rehearse(self._question(tenant, form.cleaned_data, key)))
        return self._page(request, form, tenant, **self._shown(tenant, done, key))

    # --- the question --------------------------------------------------------------------------------

    def _tenant(self, slug: str) -> Tenant | None:
        """The workspace's; on the platform the one that is named, or the first."""
        if self.workspace.tenant is not None:
            return self.workspace.tenant
        rows = tenants_of(self.workspace.user).order_by("name")
        return rows.filter(slug=slug).first() if slug else rows.first()

    def _form(self, tenant: Tenant | None, key: str, **kwargs: Any) -> DryRunForm:
        form = DryRunForm(**kwargs)
        if self.workspace.tenant is not None:
            form.fields.pop("tenant")
        else:
            rows = tenants_of(self.workspace.user).order_by("name").values_list("slug", "name")[:MOST_CHOICES]
            choices = [(slug, name) for slug, name in rows]
            if tenant is not None and (tenant.slug, tenant.name) not in choices:
                choices.append((tenant.slug, tenant.name))
            form.fields["tenant"].choices = choices  # type: ignore[attr-defined]
        form.fields["key"].choices = [ANY_KEY, *_keys(tenant, key)]  # type: ignore[attr-defined]
        return form

    def _of_run(self, run: str, tenant: Tenant | None) -> tuple[Tenant | None, dict[str, Any]]:
        """The tenant of a run, and the request as far as it is kept."""
        row = self.workspace.scope(Run.objects.filter(pk=run)).first()
        if row is None:
            return tenant, {}
        if self.workspace.tenant is None:
            tenant = Tenant.objects.filter(pk=uuid.UUID(row.tenant_id)).first()
        kept = run_of(row.tenant_id, run) if self.workspace.may(TenantPermission.VIEW_PAYLOADS) else None
        return tenant, {
            "kind": "embeddings" if row.operation == "embeddings" else "chat",
            "key": row.key_id or "",
            "body": _encoded(_body_of(row, kept.get("input") if kept else None)),
        }

    @staticmethod
    def _question(tenant: Tenant, values: dict[str, Any], key: ApiKey | None) -> Question:
        body: JsonObject = values["body"]
        if values["tags"]:
            given = body.get("tags")
            body["tags"] = {**(given if isinstance(given, dict) else {}), **values["tags"]}
        return Question(
            tenant_id=str(tenant.pk),
            body=msgspec.json.encode(body),
            headers={name.lower(): text for name, text in values["headers"].items()},
            key_hash=key.key_hash if key is not None else "",
            embeddings=values["kind"] == "embeddings",
        )

    # --- the answer ----------------------------------------------------------------------------------

    @staticmethod
    def _shown(tenant: Tenant, done: Rehearsed, key: ApiKey | None) -> dict[str, Any]:
        strategy = str(done.route.strategy) if done.route is not None else ""
        targets = [target_line(one, strategy) for one in done.targets]
        return {
            "done": done,
            "verdict": verdict(done),
            "targets": [*targets, *_off(tenant, done)],
            "routes": [route_line(one) for one in done.routes],
            "limits": limits_with_use(str(tenant.pk), done.limits),
            "budgets": budgets_with_use(str(tenant.pk), done.budgets, _line_of(key)),
            "direct": done.reason == "direct_model",
        }

    def _page(self, request: HttpRequest, form: DryRunForm, tenant: Tenant | None, **shown: Any) -> HttpResponse:
        return render(
            request,
            "console/dry_run/page.html",
            {
                "form": form,
                "tenant": tenant,
                "runs": self._recent(tenant),
                "may_see_costs": self.workspace.may(TenantPermission.VIEW_COSTS),
                **shown,
            },
        )

    def _recent(self, tenant: Tenant | None) -> list[Run]:
        if tenant is None:
            return []
        rows = Run.objects.filter(tenant_id=str(tenant.pk)).order_by("-started_at")
        return list(rows.only("correlation_id", "started_at", "requested_model", "route")[:RECENT_RUNS])


async def _rehearse(question: Question) -> Rehearsed:
    return await running().runtime.rehearsal.perform(question)


def _keys(tenant: Tenant | None, chosen: str) -> list[tuple[str, str]]:
    """To choose from, and the one that is chosen already wherever it would be in the list."""
    if tenant is None:
        return []
    rows = ApiKey.objects.for_tenant(tenant).usable(timezone.now())
    listed = list(rows.filter(playground_user=None).order_by("name")[:MOST_CHOICES])
    if uuids_in([chosen]) and chosen not in {str(key.pk) for key in listed}:
        listed += rows.filter(pk=chosen)
    return [(str(key.pk), key.name) for key in listed]


def _key_of(tenant: Tenant, pk: str) -> ApiKey | None:
    return ApiKey.objects.for_tenant(tenant).filter(pk=pk).first() if pk else None


def _line_of(key: ApiKey | None) -> list[str]:
    """All keys that followed each other with it: what they spent counts in one budget."""
    return [] if key is None else [str(pk) for pk in key.account_keys().values_list("pk", flat=True)]


def _sample(model: str) -> str:
    body: JsonObject = {"model": model} if model else {}
    return _encoded({**body, "messages": [{"role": "user", "content": PLACEHOLDER}]})


def _body_of(run: Run, stored: Any) -> JsonObject:
    """What the run's request was like: the prompt where it is kept, otherwise one of its length."""
    body: JsonObject = {"model": run.requested_model} if run.requested_model else {}
    if run.operation == "embeddings":
        body["input"] = stored or _filler(run.input_tokens)
    else:
        body["messages"] = stored or [{"role": "user", "content": _filler(run.input_tokens)}]
    for name, value in (("mode", run.mode), ("user", run.end_user), ("tags", run.tags), ("stream", run.stream)):
        if value and value != "direct":
            body[name] = value
    return body


def _filler(tokens: int | None) -> str:
    return ("lorem ipsum " * (min(tokens or 12, 20_000) // 4 + 1)).strip()


def _encoded(body: JsonObject) -> str:
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _off(tenant: Tenant, done: Rehearsed) -> list[TargetLine]:
    """Targets of the route that the gateway does not even hold: switched off here or further up."""
    if done.route is None or done.reason == "direct_model":
        return []
    known = {one.target.id for one in done.targets}
    with across_tenants("the targets of the very route that the gateway chose for this tenant"):
        rows = list(Target.objects.filter(route_id=done.route.id).select_related("model__provider"))
    missing = [row for row in rows if str(row.pk) not in known]
    pulses = worker_pulses() if missing else Pulses()
    found = []
    for row in missing:
        why = switched_off(row, pulses)
        found.append(
            TargetLine(str(row.model), None, "Left out", "neutral", [why], "", "–", "neutral", "", None, None, None)
        )
    return found
