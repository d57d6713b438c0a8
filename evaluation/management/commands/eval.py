"""``manage.py eval gate NAME``: hold a candidate to a gate, for pipelines."""

from __future__ import annotations

from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from evaluation.gates import check_gate, variant_for
from evaluation.models import Gate
from tenants.actor import acting_as
from tenants.models import Tenant

BROKEN = 3
"""Exit code where nothing could be checked."""


class Command(BaseCommand):
    """Commands of evaluations."""

    help = "Hold a candidate to a gate. Exits 0: pass or undecided, 1: fail, 2: undecided when strict, 3: not checked."

    def add_arguments(self, parser: CommandParser) -> None:
        """What is held to what."""
        parser.add_argument("what", choices=["gate"])
        parser.add_argument("name", help="The gate's name.")
        parser.add_argument("--tenant", required=True, help="Its tenant's slug.")
        parser.add_argument("--candidate", required=True, help="RUN or RUN/VARIANT: ids of runs are on their pages.")
        parser.add_argument("--baseline", required=True, help="RUN or RUN/VARIANT.")
        parser.add_argument("--strict", action="store_true", help="Undecided is no pass.")
        parser.add_argument("--json", action="store_true", help="Print the outcome as JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check, say what came of it, and exit accordingly.

        Raises:
            CommandError: it could not be checked.
            SystemExit: the candidate failed; with ``--strict`` also where nothing is proven.
        """
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        gate = Gate.objects.for_tenant(tenant).filter(name=options["name"]).first() if tenant else None
        if tenant is None or gate is None:
            raise CommandError(f"There is no gate {options['name']!r} of {options['tenant']!r}.", returncode=BROKEN)
        try:
            with acting_as("manage.py eval gate"):
                found = check_gate(
                    gate=gate,
                    candidate=variant_for(tenant, options["candidate"]),
                    baseline=variant_for(tenant, options["baseline"]),
                )
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages), returncode=BROKEN) from refusal
        told = msgspec.json.encode(found).decode() if options["json"] else f"{found.outcome.upper()}: {found.why}"
        self.stdout.write(told)
        if code := found.exit_code(strict=options["strict"]):
            raise SystemExit(code)
