"""What every page's frame shows: a context processor that works nothing out before a template asks."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from console.navigation import Group, Link, groups_for
from console.workspace import PageWorkspace, workspace_of

THEMES = ("light", "dark")
THEME_COOKIE = "theme"


class Shell:
    """The frame of one page."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def workspace(self) -> PageWorkspace | None:
        """None outside of all workspaces."""
        return workspace_of(self.request)

    @cached_property
    def groups(self) -> list[Group]:
        """The sidebar."""
        return [] if self.workspace is None else groups_for(self.workspace, self.request)

    @property
    def above(self) -> Link | None:
        """The sidebar's page that this one is below; None on that page itself."""
        active = next((link for group in self.groups for link in group.links if link.active), None)
        return active if active is not None and active.url != self.request.path else None

    @property
    def theme(self) -> str:
        """``light`` or ``dark`` as chosen; empty: as the system has it."""
        chosen = self.request.COOKIES.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    @property
    def in_drawer(self) -> bool:
        """Whether the page was asked for by the drawer, which has a frame already."""
        htmx = getattr(self.request, "htmx", None)
        return htmx is not None and bool(htmx) and htmx.target == "drawer-body"

    @property
    def base(self) -> str:
        """The template that a page fit for the drawer extends."""
        return "console/base_drawer.html" if self.in_drawer else "console/base.html"

    @property
    def version(self) -> str:
        """Of the product."""
        try:
            return version("breakwater")
        except PackageNotFoundError:
            return str(settings.SPECTACULAR_SETTINGS["VERSION"])


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor: ``shell`` in every template."""
    return {"shell": Shell(request)}
