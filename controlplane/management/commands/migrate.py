"""``manage.py migrate``: Django's, once it is sure that the migrations follow on from those the database has seen."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from controlplane.migration_history import missing_steps


class Command(migrate.Command):
    """Refuses, before anything is changed, what would be left half migrated."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate.

        Raises:
            CommandError: the database is older than what this version can start from.
        """
        missing = missing_steps(connections[options["database"]])
        if missing:
            raise CommandError(
                f"This database lacks {len(missing)} migrations of earlier versions, from {missing[0]} on, which this "
                "version no longer has; nothing was changed. Migrate it with the last version that has them, then with "
                "this one."
            )
        with _waste_left_lying():
            super().handle(*args, **options)


@contextmanager
def _waste_left_lying() -> Iterator[None]:
    """For each step Django makes classes by the dozen, which refer to each other: a third of the time went into looking
    through them for what is left over. A hundred megabytes of it may lie about instead.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
