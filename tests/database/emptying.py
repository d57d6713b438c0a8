"""The state right after the migrations, brought back quickly."""

from __future__ import annotations

from django.db import connection, transaction

from contracts.tenant_scope import across_tenants

CONSTANT = ("django_migrations", "django_content_type", "auth_permission")
"""What no test changes."""

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


class Emptying:
    """Remembers the rows that the migrations made; what tests add to them or change in them can be undone."""

    def __init__(self) -> None:
        self._tables: list[str] = []
        self._original: list[str] = []

    def remember(self) -> None:
        """Take the tables' present rows for those of an unused installation, unless an earlier run did (--reuse-db)."""
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            self._tables = [name for (name,) in cursor.fetchall() if name not in CONSTANT]
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'pristine'")
            if found := [name for (name,) in cursor.fetchall()]:
                self._original = found
            else:
                self._original = self._used(cursor)
                cursor.execute("CREATE SCHEMA pristine")
                for name in self._original:
                    cursor.execute(f'CREATE TABLE pristine."{name}" AS TABLE public."{name}"')
                return
        self.undo()  # what a run that was killed has left

    def undo(self) -> None:
        """Leave only the rows that were remembered; nobody else may write at the time."""
        with across_tenants("tests leave nothing of any tenant"), transaction.atomic(), connection.cursor() as cursor:
            used = self._used(cursor)
            statements = [f'DELETE FROM "{name}";' for name in used]
            statements += [f'INSERT INTO "{name}" SELECT * FROM pristine."{name}";' for name in self._original]
            # Neither foreign keys nor the triggers of what can only be appended to hold here.
            cursor.execute("SET LOCAL session_replication_role = replica;" + "".join(statements))

    def _used(self, cursor: object) -> list[str]:
        execute, fetchone = cursor.execute, cursor.fetchone  # type: ignore[attr-defined]
        execute("SELECT " + ", ".join(f'EXISTS (SELECT FROM "{name}")' for name in self._tables))
        return [name for name, rows in zip(self._tables, fetchone(), strict=True) if rows]


emptying = Emptying()
