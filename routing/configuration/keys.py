"""How files name keys: by their names, or by their ids where names do not tell them apart."""

from __future__ import annotations

import uuid

from tenants.models import ApiKey, Tenant


def keys_named(tenant: Tenant | None, name: str) -> list[ApiKey]:
    """The tenant's key of this id, or those of this name that are not revoked."""
    if tenant is None:
        return []
    keys = ApiKey.objects.for_tenant(tenant)
    try:
        return list(keys.filter(pk=uuid.UUID(name)))
    except ValueError:
        return list(keys.filter(name=name, revoked_at=None))


def name_of_key(key: ApiKey) -> str:
    """What the file calls it: its name where that finds it, else its id."""
    alone = [one.pk for one in keys_named(key.tenant, key.name)] == [key.pk]
    return key.name if alone else str(key.pk)
