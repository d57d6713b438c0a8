"""The address of Django's database, for psycopg without Django."""

from __future__ import annotations

from django.db import connection
from psycopg.conninfo import make_conninfo

_NOT_LIBPQ = frozenset({"context", "cursor_factory", "prepare_threshold", "client_encoding", "row_factory"})


def conninfo() -> str:
    """A libpq connection string for the default database (in a test run, the test database)."""
    parameters = connection.get_connection_params()
    return make_conninfo("", **{key: value for key, value in parameters.items() if key not in _NOT_LIBPQ and value})
