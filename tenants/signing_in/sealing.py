"""Seals what second factors are checked against before it goes to the database.

The key is derived from SECRET_KEY, so a copy of the database alone yields no codes; former keys are those of
SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

_PURPOSE = b"breakwater second factors"


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str | bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(key))


def seal(text: str) -> str:
    """The text, encrypted and authenticated (Fernet)."""
    return _box().encrypt(text.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """The text again.

    Raises:
        cryptography.fernet.InvalidToken: it was sealed under another SECRET_KEY.
    """
    return _box().decrypt(sealed.encode("ascii")).decode()
