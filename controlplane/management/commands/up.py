"""``manage.py up``: the whole product on one machine."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.settings.env import env
from controlplane.supervisor.checks import only_one
from controlplane.supervisor.errors import CannotStart
from controlplane.supervisor.installation import Installation


class Command(BaseCommand):
    """Supervises until Ctrl-C; see docs/GETTING_STARTED.md."""

    help = "Start servers, web, worker, beat and collector; stop them all on Ctrl-C."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until told to stop."""
        try:
            with only_one(env.layout.lock):
                asyncio.run(self._run())
        except CannotStart as error:
            raise CommandError(str(error)) from error

    async def _run(self) -> None:
        await Installation(env, self._say).run()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
