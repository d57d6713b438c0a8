"""Service keys: what makes and ends them, and how the management API finds out who is calling."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from contracts.addresses import address_allowed
from contracts.tenant_scope import across_tenants
from tenants.changes import save_row, with_fields
from tenants.key_lifecycle import DEFAULT_OVERLAP, issue, revoke, rotate, save_new
from tenants.keys import SERVICE_KEY_KIND, ServiceScope, key_hash, new_key
from tenants.models import Tenant
from tenants.service_key_rows import ServiceKey

MAX_KEY_LENGTH = 512
USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact ``last_used_at`` is: a busy key must not write a row per request."""


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """The program behind a service key, and what it may see and do."""

    key_id: uuid.UUID
    name: str
    """The key's name."""
    tenant_id: uuid.UUID | None
    """The one tenant that the key manages; None: the whole installation."""
    scopes: frozenset[str]

    @property
    def of_platform(self) -> bool:
        """Whether the key manages the whole installation."""
        return self.tenant_id is None

    @property
    def may_read(self) -> bool:
        """Every scope includes looking."""
        return bool(self.scopes)

    @property
    def may_write(self) -> bool:
        """Whether the key may change what it sees."""
        return ServiceScope.MANAGE in self.scopes

    @property
    def actor_name(self) -> str:
        """How the audit log names the key: ``service-key:NAME (id)``; an id is never used twice, a name may be."""
        return f"service-key:{self.name[:120]} ({self.key_id})"

    def may_manage(self, tenant_id: uuid.UUID) -> bool:
        """Whether this tenant is the key's own, or the key is the platform's."""
        return self.tenant_id is None or self.tenant_id == tenant_id


@across_tenants("whose key it is is what the query finds out")
def authenticate(clear_key: str, ip: str) -> ServicePrincipal | None:
    """Who calls with this key from this address, or None: unknown, ended, the wrong address, a suspended tenant.

    Asks the database every time, so a key that is revoked is refused from its next request on.
    """
    if not clear_key or len(clear_key) > MAX_KEY_LENGTH:
        return None
    now = timezone.now()
    key = ServiceKey.objects.usable(now).filter(key_hash=key_hash(clear_key)).select_related("tenant").first()
    if key is None or (key.tenant is not None and not key.tenant.active):
        return None
    if key.ip_allow and not address_allowed(ip, tuple(key.ip_allow)):
        return None
    _note_use(key, now)
    return ServicePrincipal(key_id=key.pk, name=key.name, tenant_id=key.tenant_id, scopes=frozenset(key.scopes))


def _note_use(key: ServiceKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        ServiceKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


@transaction.atomic
def create_service_key(
    *,
    name: str,
    tenant: Tenant | None = None,
    scopes: Sequence[str] = (ServiceScope.READ.value,),
    ip_allow: Sequence[str] = (),
    expires_at: datetime | None = None,
    rotated_from: ServiceKey | None = None,
) -> tuple[ServiceKey, str]:
    """A new key, the platform's unless ``tenant`` is given, and its clear text, which exists nowhere else.

    Raises:
        ValidationError: a field is not valid.
    """
    clear = new_key(SERVICE_KEY_KIND)
    row = ServiceKey(
        tenant=tenant,
        name=name,
        scopes=list(scopes),
        ip_allow=list(ip_allow),
        expires_at=expires_at,
        rotated_from=rotated_from,
    )
    issue(row, clear)
    return save_new(row), clear.clear


def update_service_key(*, key: ServiceKey, **fields: Any) -> ServiceKey:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(key, fields))


def rotate_service_key(*, key: ServiceKey, overlap: timedelta = DEFAULT_OVERLAP) -> tuple[ServiceKey, str]:
    """A successor with the same rights, and its clear text; the old key ends after ``overlap``.

    Raises:
        ValidationError: the key is revoked, expired or replaced already.
    """
    clear = ""

    def succeed(expires_at: datetime | None) -> ServiceKey:
        nonlocal clear
        successor, clear = create_service_key(
            name=key.name,
            tenant=key.tenant,
            scopes=key.scopes,
            ip_allow=key.ip_allow,
            expires_at=expires_at,
            rotated_from=key,
        )
        return successor

    return rotate(key, overlap, succeed), clear


def revoke_service_key(*, key: ServiceKey) -> ServiceKey:
    """Refuse the key from its next request on."""
    return revoke(key)
