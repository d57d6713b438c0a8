"""Making a call once more, to the same route or another model, and comparing the two."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import msgspec
from django import forms
from django.core.exceptions import PermissionDenied, ValidationError

from console import formats
from console.forms import FormPage
from events.models import Run
from events.selectors import events_of_run
from gateway.exchange import Answer
from gateway.pages.run import may_replay, run_in, tenant_of
from gateway.pages.run_comparison import REPLAYED
from gateway.pages.run_content import body_of, content_of
from gateway.pages.run_names import suggestions
from gateway.person_calls import answer_to_person, call_of_person
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

REPLAY = "replay"
"""The value of the tag ``source``; the tag ``replay_of`` is the call's id."""
MOST_REMEMBERED = 50
_ENDPOINTS = {"chat": "/v1/chat/completions", "embeddings": "/v1/embeddings"}


class ReplayForm(forms.Form):
    """Where to, and how much it may say."""

    model = forms.ChoiceField(
        label="Send it to",
        help_text="A route chooses among its targets as for everybody; a model is asked directly.",
    )
    max_tokens = forms.IntegerField(
        label="Output tokens at most",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="The caller's own limit is not kept. Empty: as much as the model allows.",
    )

    def __init__(self, *args: Any, run: Run, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = suggestions(workspace)
        asked = run.requested_model or run.route or ""
        chosen: Any = self.fields["model"]
        chosen.choices = [
            *([("As before", [(asked, asked)])] if asked else []),
            ("Routes", [(name, name) for name in names.routes if name != asked]),
            ("Models", [(name, name) for name in names.models if name != asked]),
        ]
        if run.operation == "embeddings":
            del self.fields["max_tokens"]


class Replay(WorkspacePage, FormPage):
    """Costs money like any call: it goes through the gateway, limits and budgets hold, under the viewer's own key."""

    permission: ClassVar[str] = TenantPermission.VIEW_RUNS
    form_class = ReplayForm
    template_name = "console/requests/replay.html"
    title: ClassVar[str] = "Replay this request"
    submit_label: ClassVar[str] = "Send it again"

    @cached_property
    def run(self) -> Run:
        """The call to make once more."""
        run = run_in(self.workspace, self.kwargs["run"])
        if not may_replay(self.workspace, run):
            raise PermissionDenied("Your role does not allow you to make calls from here.")
        return run

    @cached_property
    def tenant(self) -> Tenant:
        """Whose call it was, and will be."""
        tenant = tenant_of(self.workspace, self.run)
        if tenant is None:
            raise PermissionDenied("The tenant of this request is gone.")
        return tenant

    @cached_property
    def given(self) -> Any:
        """What was asked; None where nothing is kept."""
        run = self.run
        events = events_of_run(run.tenant_id, run.correlation_id)
        return content_of(run, events, self.tenant, may_read=True).input

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the call, and the tenant that it belongs to."""
        inside = Workspace(self.workspace.user, self.tenant)
        return {**super().get_form_kwargs(), "run": self.run, "workspace": inside}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what the last one cost."""
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return {
            **super().get_context_data(**kwargs),
            "run": self.run,
            "cost": formats.money(self.run.cost_nanousd) if costs and self.run.cost_nanousd is not None else "",
            "possible": self.given is not None,
            "redacted": self.tenant.payload_storage == Tenant.PayloadStorage.REDACTED,
        }

    def save(self, form: forms.Form) -> str:
        """Make the call, and compare.

        Raises:
            ValidationError: nothing is kept of what was asked, or the gateway refused the call.
        """
        if self.given is None:
            raise ValidationError("Nothing is kept of what was asked, so it cannot be asked again.")
        body = {**body_of(self.run, self.given), "model": form.cleaned_data["model"]}
        body.pop("stream", None)
        if form.cleaned_data.get("max_tokens"):
            body["max_tokens"] = form.cleaned_data["max_tokens"]
        call = call_of_person(
            self.request,
            self.tenant,
            self.request.user,  # type: ignore[arg-type]
            body,
            source=REPLAY,
            path=_ENDPOINTS.get(self.run.operation or "chat", _ENDPOINTS["chat"]),
            tags={"replay_of": self.run.correlation_id},
        )
        answer = answer_to_person(call)
        replayed = _correlation_id(answer)
        if answer.status >= 400:
            raise ValidationError(f"The gateway answered {answer.status}: {_message(answer)}")
        note(
            AuditEntry.Action.CREATED,
            object_type="replay",
            object_id=replayed,
            object_name=self.run.correlation_id,
            tenant_id=self.tenant.pk,
            details={"replay_of": self.run.correlation_id, "model": form.cleaned_data["model"]},
        )
        self.request.session[REPLAYED] = [*self.request.session.get(REPLAYED, []), replayed][-MOST_REMEMBERED:]
        return f"{self.workspace.url('runs-compare')}?a={self.run.correlation_id}&b={replayed}"

    def cancel_url(self) -> str:
        """Back to the call."""
        return self.workspace.url("run", run=self.run.correlation_id)


def _correlation_id(answer: Answer) -> str:
    return next((value.decode() for name, value in answer.headers if name == b"x-correlation-id"), "")


def _message(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "no reason was given"
