"""The secrets of this process: one cache over the sources that the settings describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from contracts.chat import JsonObject
from events.engine.outlet import started_outlet
from tenants.emitting import emit
from tenants.secrets.cache import SecretCache
from tenants.secrets.encryption import SecretCipher
from tenants.secrets.references import parse_reference_of
from tenants.secrets.sources import EnvironmentSource, SecretSource
from tenants.secrets.store_states import UNAVAILABLE, StoreStates


@cache
def process_secrets() -> SecretCache:
    """The cache that everything in this process shares; its sources are made when they are first needed."""
    return SecretCache(
        SOURCES,
        ttl_s=settings.SECRETS_TTL_S,
        stale_s=settings.SECRETS_STALE_S,
        tell=emit,
        # Not the bound method: that would be the one of this thread's connection.
        thread_done=lambda: connection.close(),
        note=_note,
    )


@cache
def process_store_states() -> StoreStates:
    """How the stores have answered this process."""
    return StoreStates()


async def probe_secret_stores() -> JsonObject:
    """The stores as a :class:`contracts.ports.DependencyProbe`. Asks none: what the last reads were like is known."""
    return process_store_states().report()


def _note(store: str, outcome: str) -> None:
    process_store_states().note(store, outcome)
    outlet = started_outlet()
    if outlet is not None:
        outlet.metrics.secret_store_read(store, outcome, reachable=outcome != UNAVAILABLE)


@cache
def process_cipher() -> SecretCipher:
    """The cipher of stored secrets under ``SECRETS_KEYS``, or the key that is kept in VAR_DIR.

    Raises:
        ImproperlyConfigured: there is no key, and none can be kept.
    """
    try:
        return SecretCipher(tuple(settings.SECRETS_KEYS))
    except ValueError as error:
        raise ImproperlyConfigured(f"SECRETS_KEYS: {error}") from None


def availability(reference: str, *, tenant_id: str | None) -> str:
    """``set``, ``missing`` or, where only the store itself knows, ``unknown``. Asks no store but our own.

    ``set`` for ``env:`` means in this process, whose environment should be the gateways'.
    """
    try:
        parsed = parse_reference_of(reference, tenant_owned=tenant_id is not None)
        source: SecretSource
        if parsed.scheme == "env":
            source = EnvironmentSource()
        elif parsed.scheme == "db":
            source = _stored()
        else:
            return "unknown"
        source.read(parsed, tenant_id)
    except (LookupError, ValueError):
        return "missing"
    return "set"


# Imported where they are used: a client costs up to 25 MB and half a second, and most installations need none.


def _stored() -> SecretSource:
    from tenants.secrets.stored import StoredSource

    return StoredSource(process_cipher())


def _vault() -> SecretSource:
    from tenants.secrets.vault import VaultAccess, VaultSource

    return VaultSource(
        VaultAccess(
            address=settings.VAULT_ADDR,
            token=settings.VAULT_TOKEN,
            role_id=settings.VAULT_ROLE_ID,
            secret_id=settings.VAULT_SECRET_ID,
            approle_mount=settings.VAULT_APPROLE_MOUNT,
            namespace=settings.VAULT_NAMESPACE,
            ca_file=settings.VAULT_CACERT,
        )
    )


def _aws() -> SecretSource:
    from tenants.secrets.aws import AwsSource

    return AwsSource(region=settings.AWS_REGION)


def _azure() -> SecretSource:
    from tenants.secrets.azure import AzureSource

    return AzureSource(lambda vault: f"https://{vault}.{settings.AZURE_KEYVAULT_DNS_SUFFIX}")


SOURCES: Final[Mapping[str, Callable[[], SecretSource]]] = {
    "env": EnvironmentSource,
    "db": _stored,
    "vault": _vault,
    "aws": _aws,
    "azure": _azure,
}
"""What makes the client of each kind of store, as the settings describe it."""
