"""Pages of objects and their raw rows in the admin, each linked to the other.

Which page belongs to which model is one table, given to :func:`register` by the project; this module knows no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import resolve, reverse

from console.workspace import CONSOLE

May = Callable[[Any, str], bool]
"""Whether a user may do this with every tenant."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """What shows the rows of one model in the console."""

    model: str
    """``app.model``, in lower case."""
    page: str
    """The page's name, without namespace."""
    argument: str = "pk"
    """What the page's address calls the object; empty for a list that is narrowed down to it."""
    attribute: str = "pk"
    """Where the row has the value."""
    parameter: str = ""
    """Of a list: the name in its query string."""

    def url(self, row: Model) -> str:
        """The address of the row's page in the console.

        Raises:
            NoReverseMatch: there is no such page.
        """
        value: Any = row
        for name in self.attribute.split("."):
            value = getattr(value, name)
        given = {self.argument: value} if self.argument else {}
        query = f"?{urlencode({self.parameter: value})}" if self.parameter else ""
        return reverse(f"{CONSOLE}:{self.page}", kwargs=given) + query


class _Registered:
    pages: dict[str, RowPage]
    may: May

    def __init__(self) -> None:
        self.pages = {}
        self.may = lambda _user, _permission: False


_registered = _Registered()


def register(pages: Iterable[RowPage], may: May) -> None:
    """Make these the pages of rows; ``may`` decides who can open them."""
    _registered.pages = {one.model: one for one in pages}
    _registered.may = may


def registered() -> tuple[RowPage, ...]:
    """All of them."""
    return tuple(_registered.pages.values())


def console_url(request: HttpRequest, row: Model) -> str:
    """The page of a row; empty where it has none, or the user may not open it."""
    page = _registered.pages.get(row._meta.label_lower)
    if page is None:
        return ""
    url = page.url(row)
    view = resolve(url.partition("?")[0]).func
    needed: str = getattr(view, "view_class").permission  # noqa: B009 - views of Django have no such type
    return url if _registered.may(request.user, needed) else ""


def raw_url(request: HttpRequest, row: Model) -> str:
    """The raw row in the admin; empty where it has none, or the user may not see it there."""
    label = row._meta.label_lower
    if label not in _registered.pages or not admin.site.has_permission(request):
        return ""
    shown = admin.site._registry.get(type(row))
    if shown is None or not shown.has_view_or_change_permission(request, row):
        return ""
    return reverse(f"admin:{label.replace('.', '_')}_change", args=[quote(row.pk)])
