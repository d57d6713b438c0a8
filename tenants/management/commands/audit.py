"""``manage.py audit verify | checkpoint | export``: check the audit log's chain, sign its end, write it out."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.actor import acting_as
from tenants.audit_export import FORMATS, export
from tenants.audit_log import AuditFilter, create_checkpoint, verify
from tenants.selectors import tenant_by_name


class Command(BaseCommand):
    """The audit log."""

    help = "Check the audit log's chain, sign its end, or write it out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        commands = parser.add_subparsers(dest="what", required=True)
        checking = commands.add_parser("verify", help="Exit with 1 and name the first entry that does not fit.")
        checking.add_argument(
            "--anchor",
            type=_anchor,
            metavar="SEQUENCE:HASH",
            help="What a checkpoint kept elsewhere says; also finds a log whose end was cut off with its checkpoints.",
        )
        commands.add_parser("checkpoint", help="Sign how far the log has come, now.")
        writing = commands.add_parser("export", help="Write entries to standard output, oldest first.")
        writing.add_argument("--format", choices=sorted(FORMATS), default="jsonl")
        writing.add_argument("--tenant", default="", help="Short name or id.")
        writing.add_argument("--from", dest="since", type=_instant, help="First instant, ISO 8601; UTC unless it says.")
        writing.add_argument("--to", dest="until", type=_instant, help="First instant that is too late.")
        writing.add_argument("--actor", default="")
        writing.add_argument("--action", default="")
        writing.add_argument("--object-type", default="")
        writing.add_argument("--words", default="", help="Words that the changed fields and values must hold.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand as the command itself."""
        with acting_as(f"audit {options['what']}"):
            {"verify": self._verify, "checkpoint": self._checkpoint, "export": self._export}[options["what"]](options)

    def _verify(self, options: dict[str, Any]) -> None:
        found = verify(anchor=options["anchor"])
        for sequence, problem in found.problems[:20]:
            self.stderr.write(f"entry {sequence}: {problem}")
        if found.problems:
            first, problem = found.problems[0]
            number = len(found.problems)
            raise CommandError(f"Tampered with: {number} problem(s), the first at entry {first}: {problem}.")
        self.stdout.write(f"{found.entries} entries and {found.checkpoints} checkpoints hold.")

    def _checkpoint(self, options: dict[str, Any]) -> None:
        checkpoint = create_checkpoint()
        self.stdout.write(f"{checkpoint.sequence}:{checkpoint.hash}")

    def _export(self, options: dict[str, Any]) -> None:
        tenant = tenant_by_name(options["tenant"]) if options["tenant"] else None
        if options["tenant"] and tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        chosen = AuditFilter(
            tenant_id=tenant.pk if tenant else None,
            actor=options["actor"],
            action=options["action"],
            object_type=options["object_type"],
            since=options["since"],
            until=options["until"],
            words=options["words"],
        )
        for piece in export(chosen, options["format"]):
            self.stdout.write(piece, ending="")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an ISO 8601 date or time") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _anchor(text: str) -> tuple[int, str]:
    sequence, _, kept = text.partition(":")
    if not sequence.isdigit() or len(kept) != 64:
        raise ArgumentTypeError("write it as SEQUENCE:HASH, as 'audit checkpoint' does")
    return int(sequence), kept.lower()
