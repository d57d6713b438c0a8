"""``manage.py seed_demo``: what makes a fresh database answer its first call. Never changes what is there already."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.db.models import Q

from contracts.money import to_nano_usd
from contracts.tenant_scope import across_tenants
from controlplane.settings.env import PRODUCTION, env
from routing.catalogue import SANDBOX, present_in, register
from routing.models import Provider
from routing.services import TargetChoice, create_provider, create_route
from tenants.actor import acting_as
from tenants.audit import AuditEntry
from tenants.keys import ClearKey
from tenants.models import Budget, Tenant, User
from tenants.services import create_key, create_tenant, set_budget, set_membership

TENANT = "demo"
WELL_KNOWN_KEY = "local-dev"
ADMIN = "admin"
DEMO_BUDGET_USD = Decimal(100)
_LOCK = 0x62775F64656D6F
"""Any number that no other lock uses; two processes that start at once must not both seed."""


def password_file() -> Path:
    """Where a generated admin password is kept, readable by its owner only."""
    return Path(settings.VAR_DIR) / "admin-password"


class Command(BaseCommand):
    """Creates the demo tenant, the sandbox, the admin user and the providers of the environment, each once ever."""

    help = (
        "Create the demo tenant with its key, the sandbox provider and the default route in a database that never had "
        "a tenant, an admin user where nobody may enter the admin, and a provider for each API key in the environment."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction and say what was done."""
        first_start = across_tenants("the first start looks whether there is anything at all")
        with acting_as("seed_demo"), first_start, transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            done = [*_seed_demo_tenant(), *_seed_providers(os.environ), *_seed_admin()]
        for line in done or ["Nothing to create."]:
            self.stdout.write(line)


def _ever_created(object_type: str, name: str = "") -> bool:
    """Whether such an object was ever created; one that an operator has deleted or renamed stays as they left it."""
    entries = AuditEntry.objects.filter(object_type=object_type, action=AuditEntry.Action.CREATED)
    return (entries.filter(object_name=name) if name else entries).exists()


def _seed_demo_tenant() -> list[str]:
    if Tenant.objects.exists() or _ever_created("tenant"):
        return []
    tenant = create_tenant(slug=TENANT, name="Demo", payload_storage=Tenant.PayloadStorage.STORED)
    set_budget(
        tenant=tenant, name="monthly", limit_nanousd=to_nano_usd(DEMO_BUDGET_USD), action=Budget.Action.ALERT_ONLY
    )
    lines = [f"Tenant: {TENANT}, told about half, 80 % and all of ${DEMO_BUDGET_USD} a month"]
    if settings.BREAKWATER_ENV == PRODUCTION:
        lines.append("API key: none, because this is production; create one in the admin.")
    else:
        clear_key = ClearKey(clear=WELL_KNOWN_KEY, prefix="local", last_four=WELL_KNOWN_KEY[-4:])
        create_key(tenant=tenant, name="Local development", clear_key=clear_key)
        lines.append(f"API key: {WELL_KNOWN_KEY}")
    if not Provider.objects.of_platform().exists() and not _ever_created("provider"):
        _seed_sandbox()
        lines.append("Provider: sandbox, behind the default route")
    return lines


def _seed_sandbox() -> None:
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(
        name="default",
        is_default=True,
        match_modes=["direct"],
        targets=[
            TargetChoice(model=models["sandbox-small"], priority=0),
            TargetChoice(model=models["sandbox-large"], priority=1),
        ],
    )


def _seed_providers(environ: Mapping[str, str]) -> list[str]:
    lines = []
    for known in present_in(environ):
        if not _provider_known(known.name):
            register(known)
            lines.append(f"Provider: {known.name}, with the key in {known.credential}")
    vllm = environ.get("VLLM_BASE_URL", "").strip()
    if vllm and not _provider_known("vllm"):
        create_provider(name="vllm", kind="vllm", base_url=vllm)
        lines.append(f"Provider: vllm at {vllm}; add its models in the admin or in providers.yaml")
    return lines


def _provider_known(name: str) -> bool:
    return Provider.objects.filter(name=name).exists() or _ever_created("provider", name)


def _seed_admin() -> list[str]:
    # The object permissions' placeholder for visitors is a user too, hence no plain exists().
    if User.objects.filter(Q(is_staff=True) | Q(username=ADMIN)).exists():
        return []
    password, origin = env.admin_password, "password from ADMIN_PASSWORD"
    if not password:
        password = secrets.token_urlsafe(12)
        path = _write_private(password)
        origin = f"password {password} (kept in {path})"
    user = User.objects.create_superuser(ADMIN, "admin@localhost", password)
    tenant = Tenant.objects.filter(slug=TENANT).first()
    if tenant is not None:
        set_membership(user=user, tenant=tenant, role="owner")
    return [f"Admin: user {ADMIN}, {origin}"]


def _write_private(password: str) -> Path:
    path = password_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # Created with its final mode: there is no instant at which others could read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password + "\n")
    return path
