"""Whom PostgreSQL runs as when we are root, which it refuses to be."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import structlog

from controlplane.embedded.command import Account, EmbeddedServerError

log = structlog.get_logger(__name__)

USER_NAME = "pgserver"


def server_account(data_dir: Path) -> Account | None:
    """None unless we are root; else the owner of existing data, else the user ``pgserver``, made when missing.

    Raises:
        EmbeddedServerError: the user is missing and cannot be made.
    """
    if os.geteuid() != 0:
        return None
    if data_dir.exists():
        owner = data_dir.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(USER_NAME)
    except KeyError:
        _create_user()
        entry = pwd.getpwnam(USER_NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _create_user() -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    problem = "there is no useradd"
    if useradd:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [useradd, "--system", "--no-create-home", "--shell", "/bin/false", USER_NAME],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode in (0, 9):  # 9: somebody else has just made it
            return
        problem = done.stderr.strip()
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the user {USER_NAME} cannot be created ({problem}). "
        f"Run Breakwater as an ordinary user, create the user {USER_NAME}, or set DATABASE_URL."
    )


def open_the_way(path: Path, account: Account | None) -> None:
    """Let ``account`` pass through the directories above ``path`` (permission to traverse, not to list)."""
    if account is None:
        return
    for parent in path.resolve().parents:
        found = parent.stat()
        if found.st_uid == account.uid or found.st_mode & stat.S_IXOTH:
            continue
        parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
        log.info("made a directory passable for the database user", path=str(parent))


def make_private_directory(path: Path, account: Account | None) -> None:
    """A directory of mode 0700 that belongs to ``account`` (or to us).

    Raises:
        EmbeddedServerError: it exists and belongs to somebody else.
    """
    path.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    expected = os.geteuid() if account is None else account.uid
    found = path.lstat()
    if found.st_uid != expected or not stat.S_ISDIR(found.st_mode):
        raise EmbeddedServerError(f"{path} belongs to another user: remove it or choose another VAR_DIR.")
    path.chmod(0o700)
