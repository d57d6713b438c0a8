"""One worker migrates, the others copy: migrations take longer than hundreds of tests."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from controlplane.embedded.layout import Layout
from tests.database.emptying import emptying

NAME = "migrated"


def copy(layout: Layout, name: str) -> None:
    """Make the database ``name`` as the migrations leave one, on the server of a run's own that all its workers share.

    Whoever comes first migrates, and the others wait for it. A run's server begins empty, so no migration is missed.
    """
    with (
        _one_at_a_time(layout.var_dir / "template.lock"),
        psycopg.connect(layout.database_url("postgres"), autocommit=True) as server,
    ):
        if server.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
            _make(server)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(NAME)))


def _make(server: psycopg.Connection) -> None:
    """By another name until it is whole: a worker that dies half way leaves no template."""
    draft = sql.Identifier(f"{NAME}_draft")
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(draft))
    server.execute(sql.SQL("CREATE DATABASE {}").format(draft))
    with _connected_to(f"{NAME}_draft"):
        call_command("migrate", interactive=False, verbosity=0)
        emptying.remember()
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(draft, sql.Identifier(NAME)))


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Among processes; one that dies lets go."""
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
