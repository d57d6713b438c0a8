"""What is looked at before anything is started, so that a person reads one clear line instead of five logs."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import redis

from controlplane.supervisor.errors import CannotStart

MIN_FREE_BYTES = 300 * 1024 * 1024
"""A new PostgreSQL takes 45 MB plus its write-ahead log; below this the first busy minute would fill the disk."""


@contextmanager
def only_one(lock_path: Path) -> Iterator[None]:
    """Hold the lock of a VAR_DIR.

    Raises:
        CannotStart: another supervisor holds it, or the directory cannot be written.
    """
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"VAR_DIR {lock_path.parent.parent} cannot be written ({error.strerror}): choose another."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            raise CannotStart(
                f"Breakwater already runs in {lock_path.parent.parent} (process {holder}): "
                "stop it, or choose another VAR_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def check_disk(directory: Path, needed: int = MIN_FREE_BYTES) -> None:
    """Enough room for data.

    Raises:
        CannotStart: there is less than ``needed`` bytes free.
    """
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise CannotStart(
            f"The disk is full: {free // 1024**2} MB free at {directory}, {needed // 1024**2} MB needed. "
            "Free some space, or point VAR_DIR at another disk."
        )


def check_port(host: str, port: int) -> None:
    """Nobody listens there yet.

    Raises:
        CannotStart: the port is taken, forbidden, or ``host`` is not an address of this machine.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise CannotStart(f"HOST {host} is not an address: {error.strerror}.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"Port {port} is taken{_listener(port)}: stop it, or choose another PORT.") from error
        if error.errno == errno.EACCES:
            raise CannotStart(f"You may not listen on port {port}: choose a PORT of 1024 or above.") from error
        raise CannotStart(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _listener(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        # Only root may look into the processes of others.
        return ""
    return ""


def check_database(url: str, within_s: float = 10.0) -> None:
    """An external PostgreSQL answers and has pgvector; it may still be starting, so ask again for ``within_s``.

    Raises:
        CannotStart: it does not. The message holds no password.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
            break
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or not _may_heal(error):
                raise CannotStart(
                    f"Cannot reach the database of DATABASE_URL ({_where(url)}): {_first_line(error)}"
                ) from error
            time.sleep(0.5)
    if found is None:
        raise CannotStart(f"The database of DATABASE_URL ({_where(url)}) lacks pgvector: install the extension.")


def _may_heal(error: psycopg.OperationalError) -> bool:
    text = str(error)
    return "password" not in text and "authentication" not in text and "does not exist" not in text


def check_redis(url: str, within_s: float = 10.0) -> None:
    """An external Redis answers; it may still be starting, so ask again for ``within_s``.

    Raises:
        CannotStart: it does not. The message holds no password.
    """
    deadline = time.monotonic() + within_s
    while True:
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        try:
            client.ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > deadline or isinstance(error, redis.AuthenticationError):
                raise CannotStart(
                    f"Cannot reach the Redis of REDIS_URL ({_where(url)}): {_first_line(error)}"
                ) from error
            time.sleep(0.5)
        finally:
            client.close()


def _where(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query.startswith("host=") else ""
    return f"{host}{parts.path}{query}" or "its default address"


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
