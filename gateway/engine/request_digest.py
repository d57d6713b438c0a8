"""Tells two calls of one tenant that ask exactly the same, without keeping what they ask."""

from __future__ import annotations

import hashlib
from typing import Final

DIGEST_BYTES: Final = 12
"""A tenant's billion of different requests have two of one digest with a chance of one in a hundred billion."""


def request_digest(body: bytes, tenant_id: str) -> str:
    """Of the body as it was sent, byte for byte; the same body of another tenant has another digest."""
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES, key=tenant_id.encode()[:64]).hexdigest()
