"""One WebSocket connection to ``/v1/ws``. docs/EVENTS.md has its protocol."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from contracts.errors import GatewayError, ServiceUnavailable
from events.live.authentication import Credentials, credentials_of, tenant_of
from events.live.groups import group_of
from events.live.observer import observer
from events.live.outbox import Outbox
from events.live.replay import lines_of_run
from events.live.subscriptions import (
    ClientMessage,
    Subscriptions,
    encode,
    event_message,
    further_message,
    head_of,
    parse_message,
)

log = logging.getLogger(__name__)

SEND_TIMEOUT_S: Final = 30.0
"""A client that takes nothing for so long is disconnected."""
RECHECK_S: Final = 30.0
"""A revoked key ends its connection at the latest after this."""
SLOW_CONSUMER: Final = 4408
REMEMBERED_EVENTS: Final = 2_000


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no annotations
    """Lets a client watch the events of its tenant. Handlers only queue: one task sends, at the client's speed."""

    tenant_id: str
    credentials: Credentials

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outbox = Outbox()
        self.subscriptions = Subscriptions()
        self.listening = False
        self.replayed: OrderedDict[str, None] = OrderedDict()
        self.tasks: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Accept, and say in the close code (4000 + HTTP status) when the client may not watch."""
        self.credentials = credentials_of(self.scope)
        try:
            self.tenant_id = await tenant_of(self.credentials)
        except GatewayError as error:
            await self.accept(self.credentials.subprotocol)
            await self.send(_error_message(error))
            await self.close(4000 + error.status)
            return
        await self.accept(self.credentials.subprotocol)
        observer().websocket_opened()
        self.tasks = [asyncio.create_task(self._send_queued()), asyncio.create_task(self._recheck())]

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        if not self.tasks:
            return
        observer().websocket_closed()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.listening:
            try:
                await self.channel_layer.group_discard(group_of(self.tenant_id), self.channel_name)
            except (RedisError, OSError) as error:
                log.info("A live connection ended while Redis was away: %s", error)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle one message of the client."""
        if not self.tasks:
            return
        try:
            message = parse_message(text_data)
            if message.type == "ping":
                self._put(encode({"type": "pong"}))
            elif message.type == "subscribe":
                await self._subscribe(message)
            else:
                self.subscriptions.remove(message)
                self._put(_answer("unsubscribed", message))
        except GatewayError as error:
            self._put(_error_message(error))

    async def live_events(self, message: dict[str, Any]) -> None:
        """Events of the tenant, from the collector."""
        self._queue(message["events"], remember=False)

    # --- subscribing

    async def _subscribe(self, message: ClientMessage) -> None:
        self.subscriptions.add(message)
        try:
            if not self.listening:
                await self.channel_layer.group_add(group_of(self.tenant_id), self.channel_name)
                self.listening = True
        except (RedisError, OSError) as error:
            raise ServiceUnavailable("Live events are not available at the moment. Subscribe again shortly.") from error
        self._put(_answer("subscribed", message))
        if message.correlation_id and message.replay:
            await self._replay(message.correlation_id)

    async def _replay(self, correlation_id: str) -> None:
        try:
            lines = await sync_to_async(lines_of_run, thread_sensitive=False)(self.tenant_id, correlation_id)
        except DatabaseError as error:
            raise ServiceUnavailable("The run's earlier events cannot be read at the moment.") from error
        self._queue(lines, remember=True)

    # --- sending

    def _queue(self, lines: list[bytes], *, remember: bool) -> None:
        for line in lines:
            head = head_of(line)
            if not self.subscriptions.want(head.event_type, head.correlation_id):
                continue
            # A replayed event may also come live: whichever is first counts.
            if head.event_id in self.replayed:
                continue
            if remember or head.correlation_id in self.subscriptions.correlation_ids:
                self._remember(head.event_id)
            self._put(event_message(line))
            further = further_message(head, line)
            if further is not None:
                self._put(further)

    def _remember(self, event_id: str) -> None:
        self.replayed[event_id] = None
        if len(self.replayed) > REMEMBERED_EVENTS:
            self.replayed.popitem(last=False)

    def _put(self, message: str) -> None:
        if not self.outbox.put(message):
            observer().websocket_dropped(1)

    async def _send_queued(self) -> None:
        while True:
            for message in await self.outbox.take():
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self.send(message)
                except TimeoutError:
                    log.info("A live connection of tenant %s reads nothing and is closed", self.tenant_id)
                    await self.close(SLOW_CONSUMER)
                    return

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                await tenant_of(self.credentials)
            except ServiceUnavailable:
                continue
            except GatewayError as error:
                await self.send(_error_message(error))
                await self.close(4000 + error.status)
                return


def _answer(kind: str, message: ClientMessage) -> str:
    answer: dict[str, Any] = {"type": kind}
    if message.correlation_id:
        answer["correlation_id"] = message.correlation_id
    if message.event_types:
        answer["event_types"] = message.event_types
    if message.all:
        answer["all"] = True
    return encode(answer)


def _error_message(error: GatewayError) -> str:
    return encode({"type": "error", **error.as_body("")})
