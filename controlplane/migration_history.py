"""Whether the migrations of this version follow on from those that a database has seen.

Migrations name in ``replaces`` those whose place they take, and the files of these go. A database that has seen all of
them is where the new ones lead to; one that has seen some needs the files that are gone. Django would leave the new
migration out of its plan then, and run what comes after it.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def missing_steps(connection: BaseDatabaseWrapper) -> list[str]:
    """Migrations as ``app.name`` that the database would need, and that this version cannot run; sorted.

    What is replaced is shared out among the new ones so that no former state looks as if some of them had run and the
    others not: that is a first migration which was interrupted, and goes on.
    """
    applied = MigrationRecorder(connection).applied_migrations().keys()
    if not applied:
        return []
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    gone = [
        {(app, name) for app, name in migration.replaces} - loader.disk_migrations.keys()
        for migration in loader.disk_migrations.values()
    ]
    older = {app for steps in gone if steps & applied for app, _name in steps - applied}
    return sorted(f"{app}.{name}" for steps in gone for app, name in steps - applied if app in older)
