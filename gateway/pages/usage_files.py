"""Usage and cost as files that people open elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from django.http import Http404, HttpRequest, HttpResponse

from tenants.roles import TenantPermission
from tenants.workspaces import Workspace


def asks_for_costs(workspace: Workspace, kind: str) -> bool:
    """Whether ``kind`` is ``costs``, and not ``usage``.

    Raises:
        Http404: there is no such kind.
        PermissionDenied: costs are not shown to this person.
    """
    if kind not in ("usage", "costs"):
        raise Http404
    if kind == "costs":
        workspace.require(TenantPermission.VIEW_COSTS)
    return kind == "costs"


def form_of(request: HttpRequest) -> str:
    """``json`` where the address says so, else ``csv``."""
    return "json" if request.GET.get("format") == "json" else "csv"


def file_of(name: str, form: str, *, as_json: Callable[[], object], as_csv: Callable[[], str | bytes]) -> HttpResponse:
    """The file of this name, which is made in the wanted form only."""
    if form == "json":
        body: str | bytes = msgspec.json.format(msgspec.json.encode(as_json()), indent=2)
        answer = HttpResponse(body, content_type="application/json")
    else:
        answer = HttpResponse(as_csv(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
