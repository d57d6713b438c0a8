"""``manage.py secrets new-key|set|list|delete|rotate``."""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from contracts.tenant_scope import across_tenants
from tenants.actor import acting_as
from tenants.models import Tenant
from tenants.secret_services import create_secret, delete_secret, encrypt_again, replace_secret
from tenants.secret_store import StoredSecret

_KEY_BYTES = 48


class Command(BaseCommand):
    """Stored secrets, by whoever operates the installation."""

    help = "Keep provider credentials encrypted in the database, and change the key that they are encrypted under."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each verb."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="new-key|set|list|delete|rotate")
        about = "Print a new encryption key, for the front of SECRETS_KEYS."
        verbs.add_parser("new-key", help=about, description=about)
        about = "Store a secret, or give it a new value, which is asked for or read from standard input."
        _named(verbs.add_parser("set", help=about, description=about))
        about = "Names, owners and ages of the stored secrets; never values."
        verbs.add_parser("list", help=about, description=about)
        about = "Delete a secret. Providers that refer to it go without a credential."
        _named(verbs.add_parser("delete", help=about, description=about))
        about = "Encrypt every secret again that is not under the first of SECRETS_KEYS."
        verbs.add_parser("rotate", help=about, description=about)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        """Run the verb.

        Raises:
            CommandError: there is no such tenant or secret, the value is no credential, or a secret was left behind.
        """
        with acting_as(f"secrets {verb}"):
            getattr(self, f"_{verb.replace('-', '_')}")(**options)

    def _new_key(self, **_: Any) -> None:
        self.stdout.write(secrets.token_urlsafe(_KEY_BYTES))

    def _set(self, *, name: str, tenant: str | None, **_: Any) -> None:
        owner = _owner(tenant)
        value = getpass.getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read()
        found = _find(name, owner)
        try:
            if found is None:
                stored = create_secret(name=name, value=value, tenant=owner)
            else:
                stored = replace_secret(secret=found, value=value)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{stored.reference} of {tenant or 'the platform'} has version {stored.value_version}.")

    def _list(self, **_: Any) -> None:
        with across_tenants("an operator lists every owner's"):
            rows = list(StoredSecret.objects.select_related("tenant"))
        for row in rows:
            owner = "platform" if row.tenant is None else row.tenant.slug
            self.stdout.write(f"{owner}\t{row.reference}\tversion {row.value_version}\t{row.set_at:%Y-%m-%d %H:%M}Z")

    def _delete(self, *, name: str, tenant: str | None, **_: Any) -> None:
        found = _find(name, _owner(tenant))
        if found is None:
            raise CommandError(f"There is no secret db:{name} of {tenant or 'the platform'}.")
        delete_secret(secret=found)
        self.stdout.write(f"Deleted {found.reference}.")

    def _rotate(self, **_: Any) -> None:
        done, failed = encrypt_again()
        self.stdout.write(f"{done} secret(s) encrypted again.")
        if failed:
            raise CommandError(
                f"Left as they are, because no key in SECRETS_KEYS decrypts them: {', '.join(sorted(failed))}."
            )


def _named(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--tenant", metavar="SLUG", help="whose it is; without it, the platform's")


def _owner(slug: str | None) -> Tenant | None:
    if slug is None:
        return None
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant {slug!r}.")
    return tenant


def _find(name: str, owner: Tenant | None) -> StoredSecret | None:
    rows = StoredSecret.objects
    found: StoredSecret | None = (
        (rows.of_platform() if owner is None else rows.for_tenant(owner.pk)).filter(name=name).first()
    )
    return found
