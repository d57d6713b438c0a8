"""The requests explorer: table, histogram, columns, export, live tail."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import TemplateView, View

from console.forms.views import go_to
from console.tables import TablePage
from events.models import Run, RunState
from events.selectors import MAX_RUN_DURATION
from gateway.pages import request_columns
from gateway.pages.request_export import FORMATS, exported
from gateway.pages.request_histogram import histogram
from gateway.pages.request_table import RequestTable
from gateway.pages.run_names import name_runs, suggestions, tenant_names
from gateway.pages.saved_views import views_of
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_RUNNING = 10


class _Requests(WorkspacePage):
    permission = TenantPermission.VIEW_RUNS

    def get_rows(self) -> QuerySet[Run]:
        """The workspace's runs."""
        return self.workspace.scope(Run.objects.all())


class RequestList(_Requests, TablePage):
    """The explorer; ``?format=csv`` and ``?format=jsonl`` are its rows as a file."""

    table_class = RequestTable
    template_name = "console/requests/list.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """The page, its rows alone, or a file."""
        table = RequestTable(self.get_rows(), request, self.workspace)
        if request.GET.get("format") in FORMATS:
            return exported(table, request)
        context = self.get_context_data(table=table, **kwargs)
        context.update(
            columns=request_columns.available(self.workspace),
            chosen=request_columns.chosen_names(request),
            saved_views=list(views_of(self.workspace)),
            histogram_url=f"{self.workspace.url('requests-histogram')}?{request.GET.urlencode()}",
        )
        if not self._fragment:
            context["suggestions"] = suggestions(self.workspace)
        return self.render_to_response(context)

    @property
    def _fragment(self) -> bool:
        htmx = self.request.htmx  # type: ignore[attr-defined]
        return bool(htmx) and not htmx.history_restore_request

    def get_template_names(self) -> list[str]:
        """The rows, or the table with its filters, where htmx swaps them; the histogram follows them."""
        if self._fragment and self.request.htmx.target == "table-requests":  # type: ignore[attr-defined]
            return ["console/requests/_rows.html"]
        if self._fragment and self.request.htmx.target == "table-requests-outer":  # type: ignore[attr-defined]
            return ["console/requests/_table.html"]
        return [self.template_name]


class RequestHistogram(_Requests, TemplateView):
    """The explorer's chart: asked for after the page, so that the rows never wait for it."""

    template_name = "console/requests/_histogram.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The chart of what the URL asks for."""
        table = RequestTable(self.get_rows(), self.request, self.workspace)
        return {**super().get_context_data(**kwargs), "histogram": histogram(table), "range": table.range}


class RequestColumns(_Requests, View):
    """Keeps the viewer's choice of columns."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Back to the explorer as it was filtered."""
        address = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(address, allowed_hosts=None):
            address = self.workspace.url("requests")
        response = go_to(request, address)
        request_columns.keep(response, request.POST.getlist("column"))
        return response


class RequestTail(_Requests, TemplateView):
    """Calls as they end, through the live connection alone; and those that run now, since when ever they do."""

    template_name = "console/requests/tail.html"

    def get_template_names(self) -> list[str]:
        """What runs now, where htmx asks for it again; or the page."""
        if self.request.htmx.target == "tail-running":  # type: ignore[attr-defined]
            return ["console/requests/_running.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The names of what events call by id."""
        context = super().get_context_data(**kwargs)
        context["route"] = route = self.request.GET.get("route", "").strip()[:200]
        context["running"], context["more_run"] = self._running(route)
        if self.get_template_names() != [self.template_name]:
            return context
        context["suggestions"] = suggestions(self.workspace)
        context["tenant_names"] = tenant_names(self.workspace)
        context["may_see_costs"] = self.workspace.may(TenantPermission.VIEW_COSTS)
        context["run_pattern"] = self.workspace.url("run", run="req_ID").replace("/req_ID/", "/{correlation_id}/")
        return context

    def _running(self, route: str) -> tuple[list[Run], bool]:
        """The calls that have run longest, and whether there are more."""
        runs = self.get_rows().filter(state=RunState.RUNNING, started_at__gt=timezone.now() - MAX_RUN_DURATION)
        if route:
            # Which route a call takes is told when it ends; most ask for it by its name.
            runs = runs.filter(Q(route=route) | Q(route=None, requested_model=route))
        found = list(runs.order_by("started_at")[: MOST_RUNNING + 1])
        name_runs(found[:MOST_RUNNING], self.workspace)
        for run in found[:MOST_RUNNING]:
            run.url = self.workspace.url("run", run=run.correlation_id)  # type: ignore[attr-defined]
        return found[:MOST_RUNNING], len(found) > MOST_RUNNING
