"""What the kit needs to know of a workspace; :mod:`tenants.workspaces` has the one that is real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.http import HttpRequest

CONSOLE, PORTAL = "console", "portal"
"""The namespaces: the platform's pages, and those of one tenant."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One workspace that somebody may go to."""

    label: str
    detail: str
    url: str
    current: bool


class PageWorkspace(Protocol):
    """Where a page is: all tenants' or one tenant's, and what this user may do there."""

    @property
    def namespace(self) -> str:
        """``console`` or ``portal``."""

    @property
    def name(self) -> str:
        """As people call it."""

    @property
    def is_platform(self) -> bool:
        """Whether it shows all tenants."""

    def may(self, permission: str) -> bool:
        """Whether the user may do this here."""

    def url(self, name: str, /, **kwargs: Any) -> str:
        """The address of the page of this name in this workspace."""

    def choices(self) -> Sequence[Choice]:
        """The workspaces that the user may go to, the first few of them."""


def workspace_of(request: HttpRequest) -> PageWorkspace | None:
    """The workspace of the page that is being made; None outside of all workspaces."""
    return getattr(request, "workspace", None)
