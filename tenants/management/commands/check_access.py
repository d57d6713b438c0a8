"""``manage.py check_access``: are the permissions of members those of their roles?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.permissions import Drift, find_drift, repair_drift


class Command(BaseCommand):
    """Exit code 1 when something differs and was not repaired."""

    help = "Compare the permissions of every member with those of their role."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--repair``."""
        parser.add_argument("--repair", action="store_true", help="Make them what the roles say.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell each difference on a line.

        Raises:
            CommandError: there are differences, and ``--repair`` was not given.
        """
        drifts = repair_drift() if options["repair"] else find_drift()
        for drift in drifts:
            self.stdout.write(_line(drift))
        if not drifts:
            self.stdout.write("Every member has the permissions of their role.")
        elif options["repair"]:
            self.stdout.write(f"Repaired {len(drifts)}.")
        else:
            raise CommandError(f"{len(drifts)} differences; '--repair' makes them what the roles say.")


def _line(drift: Drift) -> str:
    parts = [f"{drift.tenant}: {drift.user} ({drift.role or 'no member'})"]
    if drift.missing:
        parts.append(f"lacks {', '.join(drift.missing)}")
    if drift.surplus:
        parts.append(f"has {', '.join(drift.surplus)} besides")
    return " ".join(parts)
