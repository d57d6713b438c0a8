"""Where somebody arrives: the way in, and the chooser of tenants."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import TemplateView

from contracts.tenant_scope import across_tenants
from events.models import Run
from tenants.permissions import tenants_of
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, may_everywhere


def home(request: HttpRequest) -> HttpResponse:
    """Where somebody belongs: operators in the console, members with their tenant, all others at the sign-in page.

    Where no call has ever been made, whoever can make the first is led to it.
    """
    user = request.user
    if not user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    if may_everywhere(user, TenantPermission.VIEW_TENANT):
        return redirect(_first_page(Workspace(user)))
    with across_tenants("the tenants that this person is a member of"):
        mine = list(tenants_of(user)[:2])
    if len(mine) == 1:
        return redirect(_first_page(Workspace(user, mine[0])))
    if mine:
        return redirect("workspaces")
    return redirect("admin:index" if user.is_staff else "account_home")


@across_tenants("whether anybody has ever called is asked before operators see all tenants")
def _first_page(workspace: Workspace) -> str:
    begun = workspace.scope(Run.objects.all()).exists()
    return workspace.url("home" if begun or not workspace.may(TenantPermission.MANAGE_KEYS) else "start")


class Chooser(LoginRequiredMixin, TemplateView):
    """The tenants that somebody may go to; as a fragment, the switcher's list."""

    template_name = "console/chooser.html"

    def get_template_names(self) -> list[str]:
        """The list alone for the switcher."""
        return ["console/components/choices.html"] if self.request.htmx else [self.template_name]  # type: ignore[attr-defined]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The first few, narrowed by ``q``."""
        search = self.request.GET.get("q", "").strip()[:100]
        workspace = Workspace(self.request.user)
        return super().get_context_data(choices=workspace.choices(search), search=search, **kwargs)
