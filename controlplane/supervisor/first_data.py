"""What has to be in the database and on the disk before the web processes start."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connections

from controlplane.management.commands.seed_demo import ADMIN, password_file
from controlplane.settings.env import Environment
from events.emit import ProcessEmitter
from events.engine.emitter import SpoolEmitter
from events.engine.spool import Spool
from tenants.emitting import set_emitter


@dataclass(frozen=True)
class Ready:
    """What the person at the terminal is told. ``password`` is None when it was changed since it was made."""

    username: str
    password: str | None


def prepare_data(env: Environment) -> Ready:
    """Migrate, collect static files that changed, create the administrator and the demo tenant once. Blocks."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
        collect_static(env.static_root)
        with open(os.devnull, "w", encoding="utf-8") as nowhere, _events_left_for_others(env):
            call_command("seed_demo", stdout=nowhere)
        return Ready(ADMIN, _valid_password(env))
    finally:
        connections.close_all()


@contextmanager
def _events_left_for_others(env: Environment) -> Iterator[None]:
    """Write events to a spool that the first web process adopts: the supervisor itself ships nothing."""
    spool = Spool.open(env.spool_dir, max_bytes=env.spool_max_bytes)
    emitter = SpoolEmitter(spool, service_name=env.service_name, env=env.environment)
    set_emitter(emitter)
    try:
        yield
    finally:
        set_emitter(ProcessEmitter())
        emitter.flush()
        spool.close()


def _valid_password(env: Environment) -> str | None:
    kept = password_file()
    password = kept.read_text(encoding="utf-8").strip() if kept.exists() else env.admin_password
    user = get_user_model()._default_manager.filter(username=ADMIN).first()
    return password if user is not None and password and user.check_password(password) else None


def collect_static(root: Path) -> bool:
    """Run ``collectstatic`` unless no source file changed since the last time; whether it ran."""
    stamp = root / ".collected"
    digest = _digest_of_sources()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest, encoding="ascii")
    return True


def _digest_of_sources() -> str:
    # What is made of the files depends on the storage.
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = os.stat(storage.path(name))
            digest.update(f"{name}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
