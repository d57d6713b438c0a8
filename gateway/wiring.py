"""Builds a :class:`gateway.runtime.GatewayRuntime` from Django's settings and models."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from redis.asyncio import Redis

from contracts.chat import JsonObject
from contracts.clock import SystemClock
from contracts.probes import registered_probes
from events.emit import build_outlet
from events.ledger.analytics import DjangoUsageReader
from events.ledger.spending import DjangoSpendReader
from events.runs import DjangoRunReader
from events.traffic.reader import DjangoSignalReader
from gateway.runtime import GatewayConfig, GatewayRuntime
from gateway.spec_source import DjangoSpecSource
from routing.engine.breaker_store import RedisBreakerStore
from routing.engine.executor import Engine
from routing.engine.http.client import AsyncioUpstream
from routing.engine.upstream import SchemeUpstream
from routing.feedback_taking import DjangoFeedbackTaker
from routing.past_prices import DjangoPriceReader
from routing.providers.sandbox_transport import SandboxUpstream
from tenants.secrets.process import probe_secret_stores, process_secrets
from tenants.selectors import keys_of_account

BREAKER_STORE_TIMEOUT_S = 1.0


def build_runtime() -> GatewayRuntime:
    """The runtime of this process; nothing is connected before it is started."""
    config = GatewayConfig(
        redis_url=settings.REDIS_URL,
        workers=settings.WORKERS,
        spec_ttl_s=settings.GATEWAY_SPEC_TTL_S,
        key_cache_size=settings.GATEWAY_KEY_CACHE_SIZE,
        tenant_cache_size=settings.GATEWAY_TENANT_CACHE_SIZE,
        service_name=settings.SERVICE_NAME,
        env=settings.BREAKWATER_ENV,
        otlp_endpoint=settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    )
    outlet = build_outlet()
    clock = SystemClock()
    engine = Engine(
        upstream=SchemeUpstream(AsyncioUpstream(), sandbox=SandboxUpstream()),
        emitter=outlet.emitter,
        clock=clock,
        breaker_store=RedisBreakerStore(
            Redis.from_url(
                config.redis_url,
                socket_timeout=BREAKER_STORE_TIMEOUT_S,
                socket_connect_timeout=BREAKER_STORE_TIMEOUT_S,
            ),
            clock=clock,
        ),
        workers=config.workers,
        credentials=process_secrets(),
    )
    source = DjangoSpecSource()
    runs = DjangoRunReader()
    spending = DjangoSpendReader(keys_of_account=keys_of_account)
    usage = DjangoUsageReader()
    prices = DjangoPriceReader()
    signals = DjangoSignalReader()
    feedback = DjangoFeedbackTaker()
    postgres = _PostgresProbe()
    return GatewayRuntime(
        config,
        source=source,
        runs=runs,
        spending=spending,
        usage=usage,
        prices=prices,
        signals=signals,
        feedback=feedback,
        outlet=outlet,
        engine=engine,
        probes={"postgresql": postgres, "secret_stores": probe_secret_stores, **registered_probes()},
        on_stop=[
            *(source.close, runs.close, spending.close, usage.close, prices.close, signals.close),
            *(feedback.close, postgres.close),
        ],
    )


class _PostgresProbe:
    """One trivial query on a thread of its own, so that a slow database cannot hold up anything else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="postgres-probe")

    async def __call__(self) -> JsonObject:
        started = time.monotonic()
        error = await sync_to_async(_query, thread_sensitive=False, executor=self._threads)()
        if error:
            return {"status": "down", "error": error, "specs": "served from memory"}
        return {"status": "ok", "latency_ms": round((time.monotonic() - started) * 1000, 3)}

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _query() -> str:
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    finally:
        # Probes are far apart: the thread keeps no connection in between.
        connection.close()
    return ""
