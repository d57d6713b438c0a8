"""What went wrong last: failed calls and refused requests, those of one kind together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.text import Truncator

from contracts.ids import uuids_in
from controlplane.pages.overview_lists import key_names
from controlplane.pages.overview_scope import OverviewScope
from controlplane.pages.reasons import title_of
from events.models import Run, RunState
from tenants.models import Tenant

LOOKED_AT = 200
"""Of the newest: what is asked for of an index in their order."""
MOST_KINDS = 6
LONGEST_REASON = 240


@dataclass(frozen=True, slots=True)
class Trouble:
    """The newest of those of one kind."""

    run: Run
    count: int
    """How many of the newest :data:`LOOKED_AT` are like it, itself included."""
    whose: str
    """The tenant on the platform, the key in a tenant."""
    url: str
    """Of the run."""
    alike_url: str
    """Of the explorer, with those that are like it."""

    @property
    def refused(self) -> bool:
        """Whether it never became a call."""
        return self.run.state == RunState.REJECTED

    @property
    def title(self) -> str:
        """What happened, in words."""
        return title_of(self.run.error_code, self.run.http_status)

    @property
    def reason(self) -> str:
        """What the caller was told."""
        return Truncator(self.run.error_message or "").chars(LONGEST_REASON)


def trouble(shown: OverviewScope) -> list[Trouble]:
    """In the range, the newest first."""
    runs = (
        shown.workspace.scope(Run.objects.all())
        .filter(state__in=(RunState.REJECTED, RunState.FAILED))
        .filter(started_at__gte=shown.range.start, started_at__lt=shown.range.end)
        .order_by("-started_at")[:LOOKED_AT]
    )
    kinds: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        kinds.setdefault(_kind(shown, run), []).append(run)
    found = list(kinds.values())[:MOST_KINDS]
    names = _names(shown, [alike[0] for alike in found])
    return [
        Trouble(
            run=alike[0],
            count=len(alike),
            whose=names.get(_whose(shown, alike[0]), ""),
            url=shown.link("run", run=alike[0].correlation_id),
            alike_url=_alike_url(shown, alike[0]),
        )
        for alike in found
    ]


def _whose(shown: OverviewScope, run: Run) -> str:
    return run.tenant_id if shown.workspace.is_platform else run.key_id or ""


def _kind(shown: OverviewScope, run: Run) -> tuple[object, ...]:
    """Whose it is, what went wrong and where."""
    return run.state, run.error_code, _whose(shown, run), run.route, run.model


def _names(shown: OverviewScope, runs: Iterable[Run]) -> dict[str, str]:
    ids = {_whose(shown, run) for run in runs}
    if shown.workspace.is_platform:
        return {str(pk): name for pk, name in Tenant.objects.filter(pk__in=uuids_in(ids)).values_list("pk", "name")}
    return {key: name for key, (name, _) in key_names(shown, ids).items()}


def _alike_url(shown: OverviewScope, run: Run) -> str:
    filters = {"error": run.error_code or "", "route": run.route or "", "model": run.model or ""}
    filters["tenant" if shown.workspace.is_platform else "key"] = _whose(shown, run)
    return shown.requests(**{name: value for name, value in filters.items() if value})
