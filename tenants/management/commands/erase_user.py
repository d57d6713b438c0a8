"""``manage.py erase_user TENANT USER``: take one end user out of a tenant's data."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants.actor import acting_as
from tenants.data_protection import erase_end_user
from tenants.selectors import tenant_by_name


class Command(BaseCommand):
    """Erasure on request."""

    help = "Delete the prompts and answers of one end user and replace their id by a pseudonym everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, and who."""
        parser.add_argument("tenant", help="Short name or id.")
        parser.add_argument("user", help="The end user as calls name them in the field 'user'.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase."""
        tenant = tenant_by_name(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        try:
            with acting_as("erase_user"):
                erased = erase_end_user(tenant, options["user"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            f"Erased as {erased.pseudonym}: {erased.events} events, {erased.runs} runs,"
            f" {erased.usage_records} usage records."
        )
