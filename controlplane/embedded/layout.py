"""Where everything that is kept lies below VAR_DIR, and the addresses that follow from it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DATABASE_NAME = "breakwater"
DATABASE_USER = "postgres"

_MAX_SOCKET_DIR = 80
"""sockaddr_un holds 108 bytes on Linux and 104 on macOS; ``/.s.PGSQL.5432.lock`` and a terminator must fit behind."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Layout:
    """The files of one installation. Two processes with the same VAR_DIR compute the same addresses."""

    var_dir: Path

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.var_dir / "postgres"

    @property
    def redis_data(self) -> Path:
        """Redis' working directory: append-only files."""
        return self.var_dir / "redis"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.var_dir / "logs"

    @property
    def run(self) -> Path:
        """Lock and process records of the supervisor."""
        return self.var_dir / "run"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this directory."""
        return self.run / "up.lock"

    @property
    def secret_key(self) -> Path:
        """The generated signing key."""
        return self.var_dir / "secret_key"

    @property
    def secrets_key(self) -> Path:
        """The generated key that stored secrets are encrypted under."""
        return self.var_dir / "secrets_key"

    @property
    def socket_root(self) -> Path:
        """Directory of the sockets: below VAR_DIR, or a short one in /tmp when that path is too long or unusual."""
        inside = self.run / "sockets"
        if len(str(inside).encode()) <= _MAX_SOCKET_DIR - len("/postgres") and _PLAIN_PATH.fullmatch(str(inside)):
            return inside
        digest = hashlib.sha256(os.fsencode(self.var_dir)).hexdigest()[:12]
        return Path("/tmp") / f"breakwater-{os.getuid()}-{digest}"  # noqa: S108 - made 0700 and its owner is checked

    @property
    def postgres_socket_dir(self) -> Path:
        """Where PostgreSQL listens; the only way in, there is no TCP port."""
        return self.socket_root / "postgres"

    @property
    def redis_socket(self) -> Path:
        """Where Redis listens; the only way in, there is no TCP port."""
        return self.socket_root / "redis" / "redis.sock"

    def database_url(self, name: str = DATABASE_NAME) -> str:
        """A libpq connection URI for the embedded server."""
        return f"postgresql:///{name}?host={quote(str(self.postgres_socket_dir), safe='/')}&user={DATABASE_USER}"

    def redis_url(self, database: int = 0) -> str:
        """A redis-py URL for the embedded server."""
        return f"unix://{quote(str(self.redis_socket), safe='/')}?db={database}"
