"""Keys as text: ``bw_<8 characters to recognise it by>_<43 characters of secret>``, service keys with ``bws_``.

The secret part carries 256 random bits, so a plain SHA-256 is enough to store it: there is nothing to guess,
and the data plane can afford it on every call.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from enum import StrEnum

_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_PREFIX_LENGTH = 8
_SECRET_BYTES = 32
MINIMUM_ENCRYPTION_KEY_LENGTH = 32
"""Characters of each of ``SECRETS_KEYS``."""
API_KEY_KIND = "bw_"
SERVICE_KEY_KIND = "bws_"
_SHOWN_LENGTH = len(API_KEY_KIND) + _PREFIX_LENGTH


class Scope(StrEnum):
    """What a key may be used for."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    RUNS = "runs"
    MODELS = "models"
    EVENTS = "events"
    ANALYTICS = "analytics"
    """What the whole tenant used and paid."""
    RETRIEVAL = "retrieval"
    """Searching the tenant's documents."""
    DOCUMENTS = "documents"
    """Adding, listing and deleting documents."""


class ServiceScope(StrEnum):
    """What a service key may be used for."""

    MANAGE = "manage"
    READ = "manage:read"


@dataclass(frozen=True, slots=True)
class ClearKey:
    """A key on its way to the one person who will ever see it."""

    clear: str
    prefix: str
    last_four: str

    @property
    def key_hash(self) -> str:
        """What is stored instead of the key."""
        return key_hash(self.clear)

    def __repr__(self) -> str:
        return f"ClearKey({self.prefix}…{self.last_four})"


def new_key(kind: str = API_KEY_KIND) -> ClearKey:
    """A fresh random key that begins with ``kind``."""
    prefix = kind + "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_LENGTH))
    clear = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return ClearKey(clear=clear, prefix=prefix, last_four=clear[-4:])


def given_key(clear: str) -> ClearKey:
    """A key whose text somebody chose (the demo's); no more than half of it is ever shown."""
    shown = min(_SHOWN_LENGTH, len(clear) // 4)
    return ClearKey(clear=clear, prefix=clear[:shown], last_four=clear[-min(4, len(clear) // 4) :])


def key_hash(clear: str) -> str:
    """SHA-256 of the key in lower-case hexadecimal."""
    return hashlib.sha256(clear.encode()).hexdigest()
