"""The signing key of an installation that was given none: made once, kept next to its data."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def kept_secret_key(path: Path) -> str:
    """The key in ``path``, generated there (mode 0600) by whichever process comes first.

    Raises:
        ImproperlyConfigured: the file can be neither read nor made.
    """
    try:
        key = _read(path)
        if key:
            return key
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole under another name and linked: a reader sees no key or all of it, and only one key wins.
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(50))
            try:
                os.link(draft, path)
            except FileExistsError:
                if not _read(path):
                    os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return _read(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot keep a secret key in {path}: {error.strerror}. "
            "Make VAR_DIR a writable directory with free space, or set SECRET_KEY."
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
