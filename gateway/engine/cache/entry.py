"""A kept answer, and the bytes that it is kept as."""

from __future__ import annotations

import zlib

import msgspec

from contracts.chat import ChatResult, JsonObject, Usage

COMPRESSED_FROM = 1_024
"""Bytes; below that compressing saves little."""

MAX_ENTRY_BYTES = 1024 * 1024
"""A larger answer is not kept: it would push out many others."""

_PLAIN, _COMPRESSED = b"p", b"z"


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """A whole answer with what it was."""

    body: JsonObject
    """A ``chat.completion`` object without its id."""
    usage: Usage
    """What the provider used for it."""
    provider: str
    model: str
    cost_nanousd: int | None
    """What it cost; None when the price was unknown."""
    stored_at_ms: int
    ends_at_ms: int

    @property
    def result(self) -> ChatResult:
        """The answer as a provider would have given it."""
        return ChatResult(self.body, self.usage)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(KeptAnswer)


def pack(answer: KeptAnswer) -> bytes | None:
    """The bytes to keep; None where they are too many."""
    plain = _encoder.encode(answer)
    if len(plain) < COMPRESSED_FROM:
        return _PLAIN + plain
    packed = _COMPRESSED + zlib.compress(plain, 1)
    return packed if len(packed) <= MAX_ENTRY_BYTES else None


def unpack(packed: bytes) -> KeptAnswer | None:
    """The answer, each time a new one; None where the bytes are of another version, or damaged."""
    kind, data = packed[:1], packed[1:]
    try:
        return _decoder.decode(zlib.decompress(data) if kind == _COMPRESSED else data)
    except (zlib.error, msgspec.MsgspecError):
        return None
