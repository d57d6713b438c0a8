"""Ends of calls that are written down before they are told.

Where an answer is kept by whoever asked (``Insider.keep``), its worker may die after that and before the event in which
the call ends is on disk: the answer would be there, and nobody would have paid for it. So the event is kept with the
answer, and whoever finds it there tells it again. It has one id and one time: told twice, it counts once.
"""

from __future__ import annotations

import time

import msgspec

from contracts.events import EventContext, RequestCompleted, SameEvent
from contracts.ids import new_event_id
from events.engine.envelope import encodable


class KeptEnd(msgspec.Struct, frozen=True):
    """The event in which an answered call ends."""

    payload: RequestCompleted
    context: SameEvent

    @classmethod
    def of(cls, payload: RequestCompleted, context: EventContext) -> KeptEnd:
        """It happens now."""
        whose = msgspec.structs.asdict(context)
        return cls(payload, SameEvent(**whose, event_id=new_event_id(), at_ns=time.time_ns()))

    def packed(self) -> bytes:
        """As JSON, to be kept with the answer."""
        try:
            return msgspec.json.encode(self)
        except (TypeError, ValueError, OverflowError):
            # What a caller tagged its call with, or a model said, can be what JSON cannot hold.
            return msgspec.json.encode(encodable(msgspec.to_builtins(self, enc_hook=str)))


def unpacked(packed: bytes) -> KeptEnd:
    """What :meth:`KeptEnd.packed` gave, to be told again whether or not it was told before."""
    return msgspec.json.decode(packed, type=KeptEnd)
