"""The entries of the sidebar. Apps register theirs in ``AppConfig.ready()``; none knows another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import NoReverseMatch

from console.workspace import CONSOLE, PORTAL, PageWorkspace

GROUPS: tuple[str, ...] = (
    "",
    "Observe",
    "Traffic",
    "Build",
    "Money",
    "Quality",
    "Tenants",
    "People",
    "Settings",
    "System",
)
"""In the order of the sidebar; the group without a name comes first and has no heading."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the sidebar."""

    label: str
    icon: str
    """A name of ``console/icons.txt``."""
    url_name: str
    """Without namespace; the link leads to it in the workspace one is in."""
    group: str = ""
    order: int = 50
    """Within the group; smaller comes first."""
    permission: str = ""
    """What one must be allowed to do to see it; empty: to be in the workspace."""
    where: frozenset[str] = field(default=frozenset({CONSOLE, PORTAL}))
    """The workspaces that have it."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is shown."""

    label: str
    icon: str
    url: str
    active: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Links under one heading."""

    label: str
    links: tuple[Link, ...]


_entries: dict[str, Entry] = {}


def register(*entries: Entry) -> None:
    """Add entries to the sidebar; one of the same name and workspaces is replaced.

    Raises:
        ValueError: there is no such group.
    """
    for entry in entries:
        if entry.group not in GROUPS:
            raise ValueError(f"There is no group {entry.group!r} in the navigation.")
        _entries[f"{'+'.join(sorted(entry.where))}:{entry.url_name}"] = entry


def registered() -> tuple[Entry, ...]:
    """All entries, in the order of the sidebar."""
    return tuple(sorted(_entries.values(), key=lambda entry: (GROUPS.index(entry.group), entry.order, entry.label)))


def groups_for(workspace: PageWorkspace, request: HttpRequest) -> list[Group]:
    """What this user sees here; the entry that leads closest to the current page is active."""
    visible = [
        (entry, url)
        for entry in registered()
        if workspace.namespace in entry.where
        and (not entry.permission or workspace.may(entry.permission))
        and (url := _url(workspace, entry.url_name))
    ]
    home = _url(workspace, "home")
    current = _closest([url for _, url in visible], request.path, home)
    grouped: dict[str, list[Link]] = {}
    for entry, url in visible:
        grouped.setdefault(entry.group, []).append(Link(entry.label, entry.icon, url, url == current))
    return [Group(label, tuple(links)) for label, links in grouped.items()]


def _url(workspace: PageWorkspace, name: str) -> str:
    """Empty where the workspace has no such page."""
    try:
        return workspace.url(name)
    except NoReverseMatch:
        return ""


def _closest(urls: Iterable[str], path: str, home: str) -> str:
    """The longest address that the path is below; every page is below home, so home counts only for itself."""
    below = [url for url in urls if path == url or (url != home and path.startswith(url))]
    return max(below, key=len, default="")
