"""Saying on the page of a call whether the kept answer that served it was right."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from console.forms.views import go_to
from contracts.errors import GatewayError
from events.models import Run
from gateway.pages.run import run_in, tenant_of
from routing.answer_judging import judge_answer
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage


class RunJudge(WorkspacePage, View):
    """Takes down what somebody thinks of the kept answer."""

    permission: ClassVar[str] = TenantPermission.MANAGE_ROUTES

    def post(self, request: HttpRequest, run: str) -> HttpResponse:
        """``right`` is 1 or 0."""
        row: Run = run_in(self.workspace, run)
        tenant = tenant_of(self.workspace, row)
        if tenant is None:
            raise PermissionDenied("The tenant of this request is gone.")
        right = request.POST.get("right") == "1"
        try:
            moved = judge_answer(tenant=tenant, correlation_id=run, right=right)
        except GatewayError as error:
            messages.error(request, error.message)
        else:
            messages.success(
                request, f"Taken down. “{moved.route}” now has to be {moved.confidence:.1%} sure for {tenant.name}."
            )
        return go_to(request, self.workspace.url("run", run=run))
