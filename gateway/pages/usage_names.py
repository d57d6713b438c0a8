"""What the ids in sums are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from contracts.ids import uuids_in
from tenants.models import ApiKey, Team
from tenants.workspaces import Workspace

NONE_OF: Final = {
    "team": "No team",
    "key": "No key",
    "user": "No user named",
    "route": "No route",
    "provider": "No provider reached",
    "model": "No model reached",
}
_MODELS: Final = {"key": ApiKey, "team": Team}


def names(workspace: Workspace, by: str, values: Iterable[str | None]) -> Callable[[str | None], str]:
    """Names groups: of keys and teams the name that they have now, of what is gone the id."""
    known: dict[str, str] = {}
    model = _MODELS.get(by)
    if model is not None:
        found = workspace.scope(model.objects.filter(pk__in=uuids_in(values)))  # type: ignore[attr-defined]
        known = _told_apart({str(pk): name for pk, name in found.values_list("pk", "name")})
    none = NONE_OF.get(by, "Without this tag")
    return lambda value: none if value is None else known.get(value, value)


def _told_apart(known: dict[str, str]) -> dict[str, str]:
    """Keys that followed each other often have one name: theirs get the end of their id."""
    often = Counter(known.values())
    return {pk: f"{name} (…{pk[-4:]})" if often[name] > 1 else name for pk, name in known.items()}
