"""A table: declared once, bound to rows and a request, shown by ``console/components/table.html``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any, ClassVar
from urllib.parse import urlencode

import django_filters
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from console.tables.columns import Column
from console.tables.filters import Chip, chips, without
from console.tables.paging import RowPage, keyset, numbered
from console.workspace import PageWorkspace

LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Empty:
    """What to say, and what to do next, where there are no rows at all."""

    icon: str
    title: str
    text: str
    action: str = ""
    """The button's words; empty for no button."""
    url_name: str = ""
    """In the workspace, or ``admin:...``."""
    permission: str = ""
    """Who is shown the button."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading with its link for sorting."""

    column: Column
    url: str
    direction: str
    """``ascending``, ``descending`` or empty: as aria-sort wants it."""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with its cells."""

    row: Any
    cells: tuple[tuple[Column, SafeString | str], ...]
    actions: SafeString | str
    url: str


class Table:
    """Declared by subclassing; an instance shows one page of rows.

    Sorting, searching, filters and paging come from the query string (``sort``, ``q``, the filters' names, ``page`` or
    ``after``), so every state of a table has an address.
    """

    name: ClassVar[str] = "rows"
    """Names the table on its page; two tables of a page need two names."""
    caption: ClassVar[str] = ""
    noun: ClassVar[str] = "row"
    """What a row is, in the singular."""
    nouns: ClassVar[str] = ""
    """In the plural, where it is not the singular and an s."""
    columns: ClassVar[tuple[Column, ...]] = ()
    default_sort: ClassVar[str] = ""
    """A column's name, with a minus for descending."""
    search: ClassVar[tuple[str, ...]] = ()
    """Fields that hold the text of the search box; empty: there is no box."""
    search_hint: ClassVar[str] = ""
    filterset: ClassVar[type[django_filters.FilterSet] | None] = None
    quick_filters: ClassVar[tuple[str, ...]] = ()
    """Filters beside the search box; all others are behind "More filters". By default the first three."""
    page_size: ClassVar[int] = 50
    keyset_field: ClassVar[str] = ""
    """A field that is never NULL: pages by cursor instead of by number. For tables of more than 10,000 rows."""
    row_actions: ClassVar[str] = ""
    """A template for the last column; gets ``row`` and ``workspace``."""
    exportable: ClassVar[bool] = False
    """Whether rows can be had as CSV."""
    kept: ClassVar[tuple[str, ...]] = ()
    """Parameters of the page that searching and filtering leave as they are, such as ``tab``."""
    live: ClassVar[str] = ""
    """Event types at which the rows are read anew, such as ``llm.request.*``."""
    live_throttle_ms: ClassVar[int] = 1_000
    """They are read at most once in so many milliseconds."""
    empty: ClassVar[Empty] = Empty("inbox", "Nothing here yet", "What belongs here will be listed here.")

    def __init__(self, rows: QuerySet[Any], request: HttpRequest, workspace: PageWorkspace) -> None:
        self.all_rows = rows
        self.request = request
        self.workspace = workspace

    # --- what a subclass may answer itself -----------------------------------------------------------

    def row_url(self, row: Any) -> str:
        """Where a click on the row leads; empty for nowhere."""
        return ""

    def shown_columns(self) -> tuple[Column, ...]:
        """The columns for this workspace and user; by default all."""
        return self.columns

    def searched(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """The rows in which the text is found."""
        return rows.filter(reduce(or_, (Q(**{f"{field}__icontains": text}) for field in self.search)))

    # --- the state in the URL ------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Of the element that htmx swaps."""
        return f"table-{self.name}"

    @property
    def query(self) -> str:
        """What is searched for."""
        return self.request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH] if self.search else ""

    @cached_property
    def visible(self) -> tuple[Column, ...]:
        """The columns, asked for once."""
        return self.shown_columns()

    @cached_property
    def sort(self) -> str:
        """The column sorted by, with a minus for descending; what cannot be sorted by is the default."""
        wanted = self.request.GET.get("sort", "")
        known = {column.name for column in self.visible if column.sort}
        return wanted if wanted.removeprefix("-") in known else self.default_sort

    @cached_property
    def bound_filters(self) -> django_filters.FilterSet | None:
        """The filters with what the URL says."""
        if self.filterset is None:
            return None
        filters = self.filterset(self.request.GET, queryset=self.all_rows, request=self.request)
        # A form in the drawer may have a field of the same name.
        filters.form.auto_id = f"{self.id}-%s"
        return filters

    @property
    def filter_form(self) -> Any:
        """The filters' form; None without filters."""
        return None if self.bound_filters is None else self.bound_filters.form

    def _split(self) -> tuple[list[Any], list[Any]]:
        form = self.filter_form
        fields = [] if form is None else list(form)
        quick = self.quick_filters or tuple(field.name for field in fields[:3])
        return [f for f in fields if f.name in quick], [f for f in fields if f.name not in quick]

    @property
    def quick(self) -> list[Any]:
        """The filters beside the search box."""
        return self._split()[0]

    @property
    def further(self) -> list[Any]:
        """The filters behind "More filters"."""
        return self._split()[1]

    @property
    def further_set(self) -> bool:
        """Whether one of those is set."""
        return any(self.request.GET.get(field.html_name) for field in self.further)

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters that are set, the search included."""
        found = chips(self.filter_form, self.request.GET)
        if self.query:
            found.insert(0, Chip("Search", self.query, without(self.request.GET, "q")))
        return found

    @property
    def kept_values(self) -> list[tuple[str, str]]:
        """What the URL says of :attr:`kept`."""
        return [(name, value) for name in self.kept if (value := self.request.GET.get(name, ""))]

    @property
    def clear_url(self) -> str:
        """The page without filters and search, as it is sorted."""
        sort = [("sort", self.sort)] if self.request.GET.get("sort", "") else []
        query = urlencode([*self.kept_values, *sort])
        return f"{self.request.path}?{query}" if query else self.request.path

    # --- the rows ------------------------------------------------------------------------------------

    @cached_property
    def found(self) -> QuerySet[Any]:
        """All rows that the search and the filters leave, in their order."""
        filters = self.bound_filters
        rows = self.all_rows if filters is None or not filters.is_valid() else filters.qs
        if self.query:
            rows = self.searched(rows, self.query)
        return self._sorted(rows)

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        column = next((c for c in self.visible if c.name == self.sort.removeprefix("-") and c.sort), None)
        if column is None:
            return rows if rows.ordered else rows.order_by("-pk")
        field = F(column.sort)
        first = field.desc(nulls_last=True) if self.sort.startswith("-") else field.asc(nulls_last=True)
        # Rows that are equal by the column must not change places between pages.
        return rows.order_by(first, "pk")

    @cached_property
    def page(self) -> RowPage:
        """The page that the URL names."""
        query = self.request.GET
        if not self.keyset_field:
            return numbered(self.found, query.get("page"), self.page_size)
        descending = self.sort.startswith("-") or not self.sort
        return keyset(
            self.found, self.keyset_field, descending=descending, after=query.get("after"), size=self.page_size
        )

    @property
    def rows(self) -> Iterator[ShownRow]:
        """The rows of the page with their cells."""
        for row in self.page.rows:
            cells = tuple((column, column.cell(row, self.workspace)) for column in self.visible)
            context = {"row": row, "workspace": self.workspace}
            actions = render_to_string(self.row_actions, context, self.request) if self.row_actions else ""
            yield ShownRow(row, cells, actions, self.row_url(row))

    # --- for the template ----------------------------------------------------------------------------

    @property
    def headings(self) -> list[Heading]:
        """The columns' headings."""
        return [Heading(column, self._sort_url(column), self._direction(column)) for column in self.visible]

    def _direction(self, column: Column) -> str:
        if self.sort.removeprefix("-") != column.name:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"

    def _sort_url(self, column: Column) -> str:
        if not column.sort:
            return ""
        # Numbers and times are looked at from their largest first.
        down = self._direction(column) == "ascending" or (
            not self._direction(column) and (column.numeric or column.kind == "when")
        )
        return without(self.request.GET, sort=f"{'-' if down else ''}{column.name}")

    @property
    def next_url(self) -> str:
        """Empty on the last page."""
        page = self.page
        if not page.has_next:
            return ""
        if page.after:
            return without(self.request.GET, after=page.after)
        return without(self.request.GET, page=str(page.number + 1))

    @property
    def previous_url(self) -> str:
        """The page before; with cursors the first page. Empty on the first."""
        page = self.page
        if page.first:
            return ""
        return without(self.request.GET, page=str(page.number - 1)) if page.number > 1 else without(self.request.GET)

    @property
    def export_url(self) -> str:
        """The same rows as CSV."""
        return without(self.request.GET, format="csv")

    @property
    def here(self) -> str:
        """The address of what is shown, for reading it anew."""
        return self.request.get_full_path()

    @property
    def plural(self) -> str:
        """What rows are."""
        return self.nouns or f"{self.noun}s"

    @property
    def total_words(self) -> str:
        """``1 key``, ``1,234 keys``, ``more than 10,000 keys``; empty where rows are not counted."""
        if self.page.total is None:
            return ""
        return f"{self.page.counted} {self.noun if self.page.total == 1 else self.plural}"

    @property
    def empty_url(self) -> str:
        """Where the empty state's button leads; empty where nobody here may go there."""
        empty = self.empty
        if not empty.url_name or (empty.permission and not self.workspace.may(empty.permission)):
            return ""
        try:
            return reverse(empty.url_name) if ":" in empty.url_name else self.workspace.url(empty.url_name)
        except NoReverseMatch:
            return ""
