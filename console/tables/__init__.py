"""Tables: columns declared once; sorting, searching, filters, paging, export and phones come with them."""

from console.tables.columns import Column
from console.tables.paging import MOST_COUNTED, RowPage
from console.tables.table import Empty, Table
from console.tables.views import TablePage

__all__ = ["MOST_COUNTED", "Column", "Empty", "RowPage", "Table", "TablePage"]
