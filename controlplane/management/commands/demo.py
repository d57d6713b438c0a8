"""``manage.py demo``: fills an installation with believable tenants and a week of their traffic, and takes it away."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from controlplane.demo import keys_file, live, removal, story
from controlplane.demo.configuration import clear_keys
from controlplane.settings.env import PRODUCTION, env
from events.collector.database import conninfo
from tenants.actor import acting_as

CALLS_AT_SCALE_1 = 90_000
DAYS = 7.0


class Command(BaseCommand):
    """Makes, removes, or brings to life the demo."""

    help = (
        "Create seven invented tenants with people, keys, budgets, providers, routes and a week of traffic with "
        "incidents. Refuses where a demo is there already; --reset removes exactly what it made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What can be chosen."""
        parser.add_argument("--days", type=_positive, default=DAYS, help="Days of traffic (7).")
        parser.add_argument(
            "--scale", type=_positive, default=1.0, help="1 is some 90,000 calls; 3 is over 1,000,000 events."
        )
        parser.add_argument("--keys", type=int, default=0, help="Further API keys without calls, for tests of speed.")
        parser.add_argument("--seed", type=int, default=42, help="The same seed tells the same story.")
        parser.add_argument("--until", type=_instant, help="When the story ends, ISO 8601 (now).")
        parser.add_argument("--reset", action="store_true", help="Remove the demo, and stop.")
        parser.add_argument("--live", type=_positive, metavar="N", help="Then send N real calls a second until Ctrl-C.")
        parser.add_argument("--url", default="", help="Where the gateway is, for --live (http://localhost:PORT).")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it and say what was done."""
        there = removal.present()
        if options["reset"]:
            self._reset(there)
            return
        if there is None:
            self._make(options)
        elif options["live"] is None:
            raise CommandError(
                f"The demo is there already, with traffic until {there['until']}: --reset removes it, --live goes on "
                "with real calls."
            )
        if options["live"] is not None:
            url = options["url"] or f"http://localhost:{env.port}"
            try:
                live.run(url, keys_file.read(_path()), options["live"], self.stdout.write)
            except (OSError, live.LiveRefused) as error:
                raise CommandError(str(error)) from error

    def _make(self, options: dict[str, Any]) -> None:
        if settings.BREAKWATER_ENV == PRODUCTION:
            raise CommandError("This is production: invented people must not be able to sign in here.")
        began = time.monotonic()
        size = story.Size(
            until=options["until"] or story.now_to_the_minute(),
            days=options["days"],
            calls=round(CALLS_AT_SCALE_1 * options["scale"] * options["days"] / DAYS),
            keys=options["keys"],
            seed=options["seed"],
        )
        try:
            told = story.tell(size, lambda events: self.stdout.write(f"{events:,} events written"))
        except story.DemoRefused as error:
            raise CommandError(str(error)) from error
        keys_file.write(_path(), password=told.made.password, keys=clear_keys(told.made))
        with connection.cursor() as cursor:
            # Pages over a fresh million rows are slow until the planner knows of them.
            cursor.execute("ANALYZE")
        seconds = time.monotonic() - began
        self.stdout.write(
            f"{len(told.made.tenants)} tenants, {told.calls:,} calls, {told.events:,} events in {seconds:.0f} s."
        )
        self.stdout.write(f"Keys, and the password of the demo's people, are in {_path()}.")

    def _reset(self, there: dict[str, Any] | None) -> None:
        if there is None:
            self.stdout.write("There is no demo to remove.")
            return
        with acting_as("demo"):
            removal.remove(conninfo(), there)
        _path().unlink(missing_ok=True)
        self.stdout.write("The demo is removed. The audit log still tells of it.")


def _path() -> Path:
    return Path(settings.VAR_DIR) / "demo-keys.json"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 10_000:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    if instant > datetime.now(UTC):
        raise argparse.ArgumentTypeError("lies in the future")
    return instant
