"""How stored secrets are encrypted: AES-256-GCM under the first of the installation's keys.

Each key is derived from one item of ``SECRETS_KEYS`` with HKDF-SHA256 (RFC 5869). A row says by a fingerprint which key
it is under, so keys can be exchanged while the old one still decrypts. Owner and name are authenticated along with the
value: a ciphertext moved to another row does not decrypt.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tenants.keys import MINIMUM_ENCRYPTION_KEY_LENGTH

_INFO = b"breakwater stored secrets v1"
_NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The key that the value is under is not among ours, or the row was tampered with."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value: the nonce before the ciphertext, and the fingerprint of its key."""

    ciphertext: bytes
    key_id: str


class SecretCipher:
    """Encrypts under the first key, decrypts under any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError: there is no key, or one is too short."""
        if not keys:
            raise ValueError("At least one key is needed to encrypt stored secrets.")
        self._ciphers: dict[str, AESGCM] = {}
        for key in keys:
            if len(key) < MINIMUM_ENCRYPTION_KEY_LENGTH:
                raise ValueError(f"Each key must have at least {MINIMUM_ENCRYPTION_KEY_LENGTH} random characters.")
            derived = HKDF(SHA256(), length=32, salt=None, info=_INFO).derive(key.encode())
            self._ciphers[_fingerprint(derived)] = AESGCM(derived)

    @property
    def key_id(self) -> str:
        """The fingerprint of the key that encrypts."""
        return next(iter(self._ciphers))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The fingerprints of all keys."""
        return tuple(self._ciphers)

    def seal(self, value: str, *, owner: str, name: str) -> Sealed:
        """The value, encrypted for this row."""
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self.key_id
        return Sealed(nonce + self._ciphers[key_id].encrypt(nonce, value.encode(), _place(owner, name)), key_id)

    def open(self, sealed: Sealed, *, owner: str, name: str) -> str:
        """The value.

        Raises:
            CannotDecrypt: none of the keys fits, or the ciphertext is not that of this row.
        """
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise CannotDecrypt(f"It is encrypted under a key ({sealed.key_id}) that is not in SECRETS_KEYS.")
        nonce, ciphertext = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, _place(owner, name)).decode()
        except (InvalidTag, ValueError):
            raise CannotDecrypt("Its ciphertext was changed, or belongs to another row.") from None


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"fingerprint:" + key).hexdigest()[:16]


def _place(owner: str, name: str) -> bytes:
    # An owner is an id or empty, so the separator keeps owner and name apart.
    return f"{owner}/{name}".encode()
