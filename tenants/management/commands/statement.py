"""``manage.py statement TENANT YYYY-MM``: what a tenant used in a month, and what it cost."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.ledger.statement_formats import FORMATS
from events.ledger.statements import statement
from tenants.models import ApiKey, Team, Tenant
from tenants.selectors import tenant_by_name

_MONTH = re.compile(r"(\d{4})-(\d\d)")


class Command(BaseCommand):
    """A month-end statement."""

    help = "Print a tenant's statement for a month of its time zone: by model, team and key, with every kind of token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, of when, and how."""
        parser.add_argument("tenant", help="Short name or id.")
        parser.add_argument("month", help="YYYY-MM.")
        parser.add_argument("--format", choices=list(FORMATS), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print."""
        tenant = tenant_by_name(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        month = _MONTH.fullmatch(options["month"])
        try:
            if month is None:
                raise ValueError("it is written YYYY-MM")
            made = statement(str(tenant.pk), tenant.time_zone, int(month[1]), int(month[2]))
        except (ValueError, OverflowError) as error:
            raise CommandError(f"{options['month']!r} is no month: {error}.") from error
        self.stdout.write(FORMATS[options["format"]](made, _names(tenant)), ending="")


def _names(tenant: Tenant) -> dict[str, str]:
    """What people call the tenant, its teams and its keys, by id."""
    keys = ApiKey.objects.filter(tenant=tenant)
    return {
        str(tenant.pk): tenant.slug,
        **{str(team.pk): team.name for team in Team.objects.filter(tenant=tenant)},
        **{str(key.pk): f"{key.name} ({key.shown})" for key in keys},
    }
