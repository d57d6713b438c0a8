"""Loads specs from PostgreSQL for the data plane, which only knows the port.

The queries run on a few threads of their own, so a worker never holds more connections than that, however many
keys are unknown to it at once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from contracts.errors import ServiceUnavailable
from contracts.ports import SecretResolver
from contracts.specs import KeySpec, PlatformSpec, TenantSpec
from routing.compile import Compiler
from routing.selectors import live_models, live_routes
from tenants.compile import compile_key, compile_limit
from tenants.secrets import EnvSecretResolver
from tenants.selectors import key_by_hash, limits_of_key, limits_of_tenant, platform_version, tenant_by_id

Spec = TypeVar("Spec")

logger = logging.getLogger(__name__)

DEFAULT_THREADS = 2


class DjangoSpecSource:
    """:class:`contracts.ports.SpecSource` over the ORM."""

    def __init__(self, *, secrets: SecretResolver | None = None, threads: int = DEFAULT_THREADS) -> None:
        self._secrets = secrets or EnvSecretResolver()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="spec-source")

    async def load_key(self, key_hash: str) -> KeySpec | None:
        """The key with this digest, with its own and its team's limits."""
        return await self._run(lambda: read_key(key_hash))

    async def load_tenant(self, tenant_id: str) -> TenantSpec | None:
        """The tenant with its own routes, models and limits."""
        return await self._run(lambda: read_tenant(tenant_id, self._secrets))

    async def load_platform(self) -> PlatformSpec:
        """The shared routes and models."""
        return await self._run(lambda: read_platform(self._secrets))

    def close(self) -> None:
        """End the threads; their connections close with them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, read: Callable[[], Spec]) -> Spec:
        return await sync_to_async(_reading, thread_sensitive=False, executor=self._threads)(read)


def read_key(key_hash: str) -> KeySpec | None:
    """Two queries; one when there is no such key."""
    key = key_by_hash(key_hash)
    return None if key is None else compile_key(key, limits_of_key(key))


def read_tenant(tenant_id: str, secrets: SecretResolver) -> TenantSpec | None:
    """Five queries, whatever the number of routes, targets and models."""
    try:
        tenant = tenant_by_id(uuid.UUID(tenant_id))
    except ValueError:
        return None
    if tenant is None:
        return None
    return Compiler(secrets=secrets, now=timezone.now()).tenant(
        tenant,
        routes=live_routes(tenant.id),
        models=live_models(tenant.id),
        limits=[compile_limit(limit) for limit in limits_of_tenant(tenant.id)],
    )


def read_platform(secrets: SecretResolver) -> PlatformSpec:
    """Four queries, whatever the number of routes, targets and models."""
    return Compiler(secrets=secrets, now=timezone.now()).platform(
        version=platform_version(), routes=live_routes(None), models=live_models(None)
    )


def _reading(read: Callable[[], Spec]) -> Spec:
    close_old_connections()
    try:
        return read()
    except DatabaseError as error:
        # The connection may be half dead; the next load starts with a fresh one.
        connection.close()
        logger.warning("specs could not be loaded: %s", error)
        raise ServiceUnavailable(
            "The configuration store is unreachable; try again shortly.", retry_after_s=1.0
        ) from error
    finally:
        close_old_connections()
