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

from contracts.errors import GatewayError, PermissionDenied, ServiceUnavailable
from events.live.authentication import EVERYTHING, Credentials, credentials_of, renewed, tenant_of
from events.live.groups import EVERYTHING_GROUP, group_of
from events.live.observer import observer
from events.live.outbox import Outbox
from events.live.pacing import MOST_EVENTS_PER_S, Beat, RateCap
from events.live.replay import lines_of_run
from events.live.subscriptions import (
    ClientMessage,
    Head,
    Subscriptions,
    Wanted,
    encode,
    event_message,
    further_message,
    head_of,
    parse_message,
)
from events.live.summaries import Summary

log = logging.getLogger(__name__)

SEND_TIMEOUT_S: Final = 30.0
"""A client that takes nothing for so long is disconnected."""
RECHECK_S: Final = 25.0
"""A revoked key, a membership or session that ended ends the connection after this, and so within half a minute."""
SUMMARY_S: Final = 0.25
"""Counts are sent that often at most."""
FRAME_MESSAGES: Final = 500
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
        self.summary = Summary()
        self.counted = asyncio.Event()
        self.beat = Beat(0.0)
        self.cap = RateCap(None)
        self.group = ""
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
            await self._refuse(error)
            return
        self.group = EVERYTHING_GROUP if self.tenant_id == EVERYTHING else group_of(self.tenant_id)
        if not self.credentials.key:
            self.cap = RateCap(MOST_EVENTS_PER_S)
        await self.accept(self.credentials.subprotocol)
        observer().websocket_opened()
        loops = (self._send_queued(), self._send_summaries(), self._recheck())
        self.tasks = [asyncio.create_task(loop) for loop in loops]

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
                await self.channel_layer.group_discard(self.group, self.channel_name)
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
            elif message.type == "configure":
                self._configure(message)
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

    def _configure(self, message: ClientMessage) -> None:
        if message.frame_ms is not None:
            self.beat = Beat(message.frame_ms / 1000)
        if message.max_events_per_s is not None:
            self.cap = RateCap(message.max_events_per_s)
        self._put(
            encode(
                {
                    "type": "configured",
                    "frame_ms": round(self.beat.interval_s * 1000),
                    "max_events_per_s": self.cap.per_s,
                }
            )
        )

    async def _subscribe(self, message: ClientMessage) -> None:
        self.subscriptions.add(message)
        try:
            if not self.listening:
                await self.channel_layer.group_add(self.group, self.channel_name)
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
            # The group holds nobody else's; whoever reads this need not know that to be sure.
            if self.tenant_id not in (EVERYTHING, head.tenant_id):
                continue
            wanted = self.subscriptions.wanted(head)
            if wanted & Wanted.SUMMARY:
                self.summary.add(head)
                self.counted.set()
            if wanted & Wanted.EVENT:
                self._queue_event(head, line, remember=remember, meaning=bool(wanted & Wanted.MEANING))

    def _queue_event(self, head: Head, line: bytes, *, remember: bool, meaning: bool) -> None:
        # A replayed event may also come live: whichever is first counts.
        if head.event_id in self.replayed:
            return
        if remember or head.correlation_id in self.subscriptions.correlation_ids:
            self._remember(head.event_id)
        # A run that somebody looks at is shown whole.
        elif not self.cap.admit():
            self.outbox.miss()
            observer().websocket_dropped(1)
            return
        self._put(event_message(line))
        further = further_message(head, line) if meaning else None
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
            for message in await self._next_messages():
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self.send(message)
                except TimeoutError:
                    log.info("A live connection of tenant %s reads nothing and is closed", self.tenant_id)
                    await self.close(SLOW_CONSUMER)
                    return

    async def _next_messages(self) -> list[str]:
        await self.outbox.ready()
        if not self.beat.interval_s:
            return await self.outbox.take()
        await asyncio.sleep(self.beat.wait_s())
        messages = await self.outbox.take(FRAME_MESSAGES)
        self.beat.sent()
        return [f'{{"type":"frame","messages":[{",".join(messages)}]}}']

    async def _send_summaries(self) -> None:
        beat = Beat(SUMMARY_S)
        while True:
            await self.counted.wait()
            await asyncio.sleep(beat.wait_s())
            self.counted.clear()
            message = self.summary.take()
            if message is not None:
                self._put(message)
                beat.sent()

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                self.credentials = await renewed(self.credentials)
                watched = await tenant_of(self.credentials)
            except (ServiceUnavailable, DatabaseError):
                continue
            except GatewayError as error:
                await self._refuse(error)
                return
            if watched != self.tenant_id:
                await self._refuse(PermissionDenied("The tenant is another one now. Connect again."))
                return

    async def _refuse(self, error: GatewayError) -> None:
        await self.send(_error_message(error))
        await self.close(4000 + error.status)


def _answer(kind: str, message: ClientMessage) -> str:
    answer: dict[str, Any] = {"type": kind}
    if message.id:
        answer["id"] = message.id
    if message.correlation_id:
        answer["correlation_id"] = message.correlation_id
    if message.event_types:
        answer["event_types"] = message.event_types
    if message.all:
        answer["all"] = True
    return encode(answer)


def _error_message(error: GatewayError) -> str:
    return encode({"type": "error", **error.as_body("")})
