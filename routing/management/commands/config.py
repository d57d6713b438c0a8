"""``manage.py config apply|diff|export DIR``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.configuration.directory import Outcome, apply, compare, export
from tenants.actor import acting_as

_DIFFERENT = 1
_INVALID = 2


class Command(BaseCommand):
    """Configuration as files, for review, version control and copying between installations."""

    help = "Apply, compare or export the YAML files of a configuration directory."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each verb."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="apply|diff|export")
        for verb, about in (
            ("apply", "Make the database as the files say: all of it, or nothing when anything is wrong."),
            ("diff", "Show what apply would change. Exit code 0: nothing, 1: something, 2: the files are wrong."),
        ):
            command = verbs.add_parser(verb, help=about, description=about)
            command.add_argument("directory", type=Path, metavar="DIR")
            command.add_argument("--prune", action="store_true", help="delete what the files could name and do not")
        about = "Write the files of what the database holds, over existing ones."
        verbs.add_parser("export", help=about, description=about).add_argument("directory", type=Path, metavar="DIR")

    def handle(self, *args: Any, verb: str, directory: Path, **options: Any) -> None:
        """Run the verb.

        Raises:
            CommandError: something is wrong in the files, or (for diff) there are differences.
        """
        with acting_as(f"config {verb}"):
            if verb == "apply":
                self._apply(apply(directory, prune=options["prune"]))
            elif verb == "diff":
                self._diff(compare(directory, prune=options["prune"]))
            else:
                self._export(directory)

    def _apply(self, outcome: Outcome) -> None:
        self._refuse_problems(outcome, "Nothing was applied.")
        for line in outcome.changes:
            self.stdout.write(line)
        self._tell_kept(outcome)
        self.stdout.write(f"{len(outcome.changes)} change(s)." if outcome.changes else "No change.")

    def _diff(self, outcome: Outcome) -> None:
        self._refuse_problems(outcome, "Nothing was compared.")
        self.stdout.write(outcome.difference, ending="")
        self._tell_kept(outcome)
        if outcome.changes:
            raise CommandError(f"{len(outcome.changes)} change(s) to apply.", returncode=_DIFFERENT)
        self.stdout.write("No difference.")

    def _export(self, directory: Path) -> None:
        try:
            paths = export(directory)
        except OSError as error:
            raise CommandError(f"The files cannot be written: {error}.") from error
        for path in paths:
            self.stdout.write(str(path))

    def _tell_kept(self, outcome: Outcome) -> None:
        if outcome.kept:
            self.stdout.write(
                f"Only in the database, and kept: {', '.join(sorted(outcome.kept))}. Delete them with --prune."
            )

    def _refuse_problems(self, outcome: Outcome, consequence: str) -> None:
        if not outcome.problems:
            return
        for problem in outcome.problems:
            self.stderr.write(str(problem))
        raise CommandError(f"{len(outcome.problems)} problem(s). {consequence}", returncode=_INVALID)
