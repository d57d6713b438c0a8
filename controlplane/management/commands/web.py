"""``manage.py web``: only the web processes, as a container runs them."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from controlplane.settings.env import env
from controlplane.supervisor.first_data import collect_static
from controlplane.supervisor.programs import web


class Command(BaseCommand):
    """Becomes the web server: signals and the exit code are the server's own."""

    help = "Serve HTTP and WebSockets on HOST:PORT with WORKERS processes."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Collect static files that changed, then replace this process."""
        collect_static(env.static_root)
        command = web(env)
        os.chdir(command.cwd or ".")
        os.execve(command.argv[0], command.argv, {**os.environ, **command.env})  # noqa: S606 - our own command line
