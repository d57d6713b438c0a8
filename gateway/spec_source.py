"""Loads specs from PostgreSQL for the data plane, which only knows the port.

The queries run on a few threads of their own, so a worker never holds more connections than that, however many
keys are unknown to it at once. A thread keeps its connection through a burst and closes it when it has been idle for a
moment, so a quiet worker holds nothing that could go stale; a connection that broke in between is replaced at once.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

import django.db
import msgspec
from django.db import connection
from django.utils import timezone

from contracts.errors import ServiceUnavailable
from contracts.live_samples import live_specs_of
from contracts.ports import SecretResolver
from contracts.specs import KeySpec, PlatformSpec, TenantSpec
from guardrails.compile import compile_policies
from guardrails.selectors import versions_in_force
from routing.answer_judging import confidence_by_route
from routing.compile import Compiler
from routing.selectors import live_models, live_routes, models_priced_for
from tenants.compile import compile_budget, compile_key, compile_limit
from tenants.secrets.process import process_secrets
from tenants.selectors import (
    budgets_of_key,
    budgets_of_tenant,
    key_by_hash,
    limits_of_key,
    limits_of_tenant,
    platform_version,
    tenant_by_id,
)

Spec = TypeVar("Spec")

logger = logging.getLogger(__name__)

DEFAULT_THREADS = 2
LOAD_TIMEOUT_S = 2.0
"""A load takes milliseconds; past this, callers are told that the store is unreachable, or get the spec they had."""
IDLE_S = 5.0
"""How long a thread keeps its connection after its last load."""

Job = tuple["Future[Any]", Callable[[], Any]]


class DjangoSpecSource:
    """:class:`contracts.ports.SpecSource` over the ORM."""

    def __init__(
        self,
        *,
        secrets: SecretResolver | None = None,
        threads: int = DEFAULT_THREADS,
        timeout_s: float = LOAD_TIMEOUT_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._secrets = secrets or process_secrets()
        self._timeout_s = timeout_s
        self._readers = _Readers(threads, idle_s)

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
        """End the threads once they have done what waits; each closes its connection. Safe to call twice."""
        self._readers.close()

    async def _run(self, read: Callable[[], Spec]) -> Spec:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.wrap_future(self._readers.submit(read))
        except django.db.Error as error:
            logger.warning("specs could not be loaded: %s", error)
            raise _unreachable() from error
        except TimeoutError as error:
            logger.warning("specs could not be loaded within %s s", self._timeout_s)
            raise _unreachable() from error


def read_key(key_hash: str) -> KeySpec | None:
    """Four queries; one when there is no such key."""
    key = key_by_hash(key_hash)
    if key is None:
        return None
    return compile_key(key, limits_of_key(key), budgets_of_key(key))


def read_tenant(tenant_id: str, secrets: SecretResolver) -> TenantSpec | None:
    """At most fourteen queries, whatever the number of routes, targets, models, policies and live evaluations."""
    try:
        tenant = tenant_by_id(uuid.UUID(tenant_id))
    except ValueError:
        return None
    if tenant is None:
        return None
    spec = Compiler(secrets=secrets, now=timezone.now(), tenant_id=tenant.id).tenant(
        tenant,
        routes=live_routes(tenant.id),
        models=live_models(tenant.id),
        limits=[compile_limit(limit) for limit in limits_of_tenant(tenant.id)],
        budgets=[compile_budget(row, time_zone=tenant.time_zone) for row in budgets_of_tenant(tenant.id)],
        priced=models_priced_for(tenant.id),
        confidence=confidence_by_route(tenant.id),
    )
    return msgspec.structs.replace(
        spec, policies=compile_policies(versions_in_force(tenant.id)), live=live_specs_of(tenant.id)
    )


def read_platform(secrets: SecretResolver) -> PlatformSpec:
    """Seven queries, whatever the number of routes, targets, models and policies."""
    spec = Compiler(secrets=secrets, now=timezone.now()).platform(
        version=platform_version(), routes=live_routes(None), models=live_models(None)
    )
    return msgspec.structs.replace(spec, policies=compile_policies(versions_in_force(None)))


class _Readers:
    """A few daemon threads: unlike an executor's, one that hangs in a dead network does not keep the process alive."""

    def __init__(self, threads: int, idle_s: float) -> None:
        self._idle_s = idle_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._unstarted = [Thread(target=self._serve, name=f"spec-source-{n}", daemon=True) for n in range(threads)]
        self._count = threads
        self._lock = Lock()

    def submit(self, read: Callable[[], Spec]) -> Future[Spec]:
        """What ``read`` will return; cancelling it before its turn costs nothing."""
        with self._lock:
            while self._unstarted:
                self._unstarted.pop().start()
        future: Future[Spec] = Future()
        self._jobs.put((future, read))
        return future

    def close(self) -> None:
        """One end mark for each thread."""
        for _ in range(self._count):
            self._jobs.put(None)
        self._count = 0

    def _serve(self) -> None:
        try:
            while (job := self._next()) is not None:
                future, read = job
                if future.set_running_or_notify_cancel():
                    _answer(future, read)
        finally:
            connection.close()

    def _next(self) -> Job | None:
        try:
            return self._jobs.get(timeout=self._idle_s)
        except Empty:
            connection.close()
            return self._jobs.get()


def _answer(future: Future[Any], read: Callable[[], Any]) -> None:
    try:
        future.set_result(_read_again_if_stale(read))
    except Exception as error:  # boundary of the thread: whoever waits for the future gets the error
        connection.close()
        future.set_exception(error)


def _read_again_if_stale(read: Callable[[], Spec]) -> Spec:
    kept = connection.connection is not None
    try:
        return read()
    except (django.db.OperationalError, django.db.InterfaceError):
        if not kept:
            raise
    # The server was restarted, or dropped the connection, since the last load.
    connection.close()
    return read()


def _unreachable() -> ServiceUnavailable:
    return ServiceUnavailable("The configuration store is unreachable; try again shortly.", retry_after_s=1.0)
