"""What a place that keeps credentials is to the cache, and the one that needs no client: the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from tenants.secrets.references import Reference


class SecretMissing(LookupError):
    """The store answered: there is no such secret, or nothing usable in it. A value known from before is dropped."""


class SecretUnavailable(LookupError):
    """The store cannot be asked, or does not let us: a value known from before is kept for a while."""


class SecretSource(Protocol):
    """One kind of store. Called from several threads; a call may block as long as the store's own timeouts allow."""

    near: bool
    """Whether a read is so quick that whoever needs the value may do it in their own thread."""
    versioned: bool
    """Whether a new value makes the owner's configuration version grow."""
    renewable: bool
    """Whether reading again within the life of the process may give another value."""

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The clear value for a provider of this tenant (None: of the platform).

        Raises:
            SecretMissing: there is none.
            SecretUnavailable: the store cannot be asked. Neither message may quote the store's own words: clients put
                addresses, tokens and bodies into them.
        """


class EnvironmentSource:
    """Reads ``env:NAME`` from the process's environment (or a mapping, in tests)."""

    near = True
    versioned = False
    renewable = False

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The variable's value."""
        value = self._environ.get(reference.path, "")
        if not value.strip():
            raise SecretMissing(f"The secret {reference} is not set in the environment.")
        return value


def header_value(value: str, what: str) -> str:
    """A credential without blanks around it.

    Raises:
        SecretMissing: there is nothing left, or it cannot be sent in a header; the message names ``what``.
    """
    value = value.strip()
    if not value:
        raise SecretMissing(f"The {what} is empty.")
    if not (value.isascii() and value.isprintable()):
        raise SecretMissing(f"The {what} has characters that cannot be sent in a header.")
    return value
