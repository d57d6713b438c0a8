"""Pages that are a table: the page, the rows alone for htmx, and the CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.generic import TemplateView

from console.tables.table import Table

MOST_EXPORTED = 50_000
"""Rows of a CSV file at most."""


class _Line:
    """What csv writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


class TablePage(TemplateView):
    """A page around one table, beside :class:`tenants.workspaces.WorkspacePage`; its template shows ``table``."""

    table_class: ClassVar[type[Table]]
    template_name = "console/table_page.html"
    if TYPE_CHECKING:
        workspace: Any

    def get_rows(self) -> QuerySet[Any]:
        """The rows before search and filters, narrowed to the workspace.

        Raises:
            NotImplementedError: a page has not said which.
        """
        raise NotImplementedError

    def get_table(self) -> Table:
        """The table with its rows."""
        return self.table_class(self.get_rows(), self.request, self.workspace)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """The page, or what of it was asked for."""
        table = self.get_table()
        if table.exportable and request.GET.get("format") == "csv":
            return exported(table)
        return self.render_to_response(self.get_context_data(table=table, **kwargs))

    def get_template_names(self) -> list[str]:
        """The table alone where htmx swaps it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        if htmx and not htmx.history_restore_request:
            if htmx.target == f"table-{self.table_class.name}":
                return ["console/components/table_rows.html"]
            if htmx.target == f"table-{self.table_class.name}-outer":
                return ["console/components/table.html"]
        return [self.template_name]


def exported(table: Table) -> StreamingHttpResponse:
    """All rows that the search and the filters leave, up to :data:`MOST_EXPORTED`, as a file."""
    columns = [column for column in table.visible if column.export]
    writer = csv.writer(_Line())

    # Read before the answer is streamed: outside of the view nothing says of which tenant queries are.
    rows = list(table.found[:MOST_EXPORTED])
    lines = [[column.exported(row) for column in columns] for row in rows]

    def stream() -> Iterator[str]:
        yield writer.writerow([column.name for column in columns])
        for line in lines:
            yield writer.writerow(line)

    response = StreamingHttpResponse(stream(), content_type="text/csv; charset=utf-8")
    name = f"{table.plural.replace(' ', '-')}-{timezone.now():%Y%m%d-%H%M}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
