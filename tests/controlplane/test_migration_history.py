"""Installations of the version before go on with their data; older ones are refused whole."""

from __future__ import annotations

import gc

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from controlplane.migration_history import missing_steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def replaced() -> list[tuple[str, str]]:
    """Former migrations, in the order in which an app has them, that others have taken the place of."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    former = {(app, name) for migration in loader.disk_migrations.values() for app, name in migration.replaces}
    return sorted(former - loader.disk_migrations.keys())


def _forget(*steps: tuple[str, str]) -> None:
    for app, name in steps:
        MigrationRecorder(connection).record_unapplied(app, name)


def _replacing() -> list[tuple[str, str]]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return [key for key, migration in loader.disk_migrations.items() if migration.replaces]


def test_whoever_ran_all_former_migrations_has_nothing_to_run(replaced: list[tuple[str, str]]) -> None:
    _forget(*_replacing())
    assert replaced
    call_command("migrate", check_unapplied=True, verbosity=0)


def test_every_earlier_state_of_an_app_is_refused(replaced: list[tuple[str, str]]) -> None:
    apps = {app for app, _ in replaced}
    for app in sorted(apps):
        steps = [step for step in replaced if step[0] == app]
        recorder = MigrationRecorder(connection)
        _forget(*_replacing())
        for last in reversed(steps[1:]):
            _forget(last)
            assert ".".join(last) in missing_steps(connection), f"{app} before {last[1]}"
            with pytest.raises(CommandError, match="nothing was changed"):
                call_command("migrate", verbosity=0)
        for step in steps[1:]:
            recorder.record_applied(*step)


def test_an_interrupted_first_migration_is_no_earlier_state() -> None:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    first = loader.disk_migrations["tenants", "0001_users"]
    _forget(*_replacing(), *[key for key in loader.disk_migrations if key[0] == "tenants"])
    _forget(
        *[key for migration in loader.disk_migrations.values() for key in migration.replaces if key[0] == "tenants"]
    )
    for app, name in first.replaces:
        MigrationRecorder(connection).record_applied(app, name)
    assert missing_steps(connection) == []


def test_an_empty_database_misses_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations")
    assert missing_steps(connection) == []


def test_migrating_leaves_the_garbage_collector_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, meanwhile = gc.get_threshold(), []
    monkeypatch.setattr(migrate.Command, "handle", lambda *_args, **_options: meanwhile.append(gc.get_threshold()))
    call_command("migrate")
    assert meanwhile
    assert meanwhile[0] > usual
    assert gc.get_threshold() == usual
