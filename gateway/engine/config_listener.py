"""Hears ``config.changed`` on Redis pub/sub and drops the specs it names; hands other messages to who wants them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from events.engine.redis_channels import channel
from gateway.engine.spec_cache import SpecCache

log = logging.getLogger(__name__)

CHANNEL = "config.changed"

SILENCE_S = 15.0
"""A connection that has been silent this long is pinged: a peer that vanished without a word is noticed."""

RECONNECT_S = 0.25


class ConfigMessage(msgspec.Struct):
    """What ``tenants.invalidation`` publishes: which spec changed."""

    scope: str
    id: str = ""
    key_hash: str | None = None


class ConfigListener:
    """One subscription per worker. Each (re)connection invalidates everything: messages may have been missed.

    ``others`` hear the text of each message on channels of their own, ``on_subscribed`` of each (re)connection.
    """

    def __init__(
        self,
        url: str,
        specs: SpecCache,
        *,
        others: Mapping[str, Callable[[str], None]] | None = None,
        on_subscribed: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._channel = channel(CHANNEL, url)
        self._specs = specs
        self._others = dict(others or {})
        self._on_subscribed = on_subscribed
        self._task: asyncio.Task[None] | None = None
        self._subscribed = False
        self._stopping = False

    @property
    def subscribed(self) -> bool:
        """Whether changes are being heard right now; if not, specs live out their time to live."""
        return self._subscribed

    async def start(self) -> None:
        """Listen in the background until :meth:`stop`."""
        self._task = asyncio.create_task(self._listen_always(), name="config-listener")

    async def stop(self) -> None:
        """Stop listening."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen_always(self) -> None:
        while not self._stopping:
            try:
                await self._listen()
            except (RedisError, OSError, RuntimeError) as error:
                # RuntimeError is how uvloop says that the connection broke a moment ago.
                if self._subscribed:
                    log.warning("config.changed is not heard: %s", error)
            finally:
                self._subscribed = False
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=1.0)
        async with contextlib.aclosing(client), client.pubsub() as pubsub:
            await pubsub.subscribe(self._channel, *self._others)
            while True:
                message = await pubsub.get_message(timeout=SILENCE_S)
                if message is None:
                    await asyncio.wait_for(pubsub.ping(), 1.0)
                elif message["type"] == "subscribe":
                    self._hear(message["channel"].decode())
                elif message["type"] == "message":
                    self._pass_on(message["channel"].decode(), message["data"])

    def _hear(self, name: str) -> None:
        if name == self._channel:
            self._subscribed = True
            self._specs.invalidate_all()
            self._on_subscribed()

    def _pass_on(self, name: str, data: bytes) -> None:
        if name == self._channel:
            self._apply(data)
        else:
            self._others[name](data.decode("utf-8", "replace"))

    def _apply(self, data: bytes) -> None:
        try:
            message = msgspec.json.decode(data, type=ConfigMessage)
        except msgspec.MsgspecError:
            log.warning("config.changed could not be read; dropping all specs")
            self._specs.invalidate_all()
            return
        identifier = message.key_hash if message.scope == "key" and message.key_hash else message.id
        self._specs.invalidate(scope=message.scope, identifier=identifier)
