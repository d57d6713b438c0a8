"""Reads ``vault:MOUNT/PATH#FIELD`` from HashiCorp Vault's key-value engine, version 2.

A token of our own or AppRole. A token is renewed from two thirds of its life on; what cannot be renewed is replaced by
a new login, and so is one that Vault no longer accepts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import hvac
from hvac.exceptions import Forbidden, InvalidPath, Unauthorized, VaultError

from tenants.secrets.references import Reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable

TIMEOUT_S = 5
_RENEW_FROM = 2 / 3
"""Part of a token's life after which it is renewed."""


@dataclass(frozen=True, slots=True)
class VaultAccess:
    """Where Vault is and how we prove who we are: ``token``, or ``role_id`` and ``secret_id``."""

    address: str
    token: str = field(default="", repr=False)
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    approle_mount: str = "approle"
    namespace: str = ""
    ca_file: str = ""


class VaultSource:
    """One authenticated client, shared by the threads that read."""

    near = False
    versioned = False
    renewable = True

    def __init__(self, access: VaultAccess, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        self._lock = RLock()
        self._client: Any = None
        self._renew_at = float("inf")
        self._renewable = False

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The field of the newest version."""
        if not self._access.address:
            raise SecretUnavailable(f"The secret {reference} cannot be read: VAULT_ADDR is not set.")
        try:
            fields = self._fields(reference)
        except InvalidPath:
            raise SecretMissing(f"Vault has no secret at {reference}.") from None
        except (Forbidden, Unauthorized):
            raise SecretUnavailable(f"Vault does not let us read {reference}.") from None
        except (VaultError, OSError) as error:
            # OSError is the base of what the HTTP client raises.
            raise SecretUnavailable(f"Vault could not be asked for {reference}: {type(error).__name__}.") from None
        value = fields.get(reference.field)
        if not isinstance(value, str):
            raise SecretMissing(f"Vault's secret at {reference} has no such field, or it is no text.")
        return value

    def _fields(self, reference: Reference) -> Mapping[str, Any]:
        mount, _, path = reference.path.partition("/")
        client = self._authenticated()
        try:
            return _read(client, mount, path)
        except (Forbidden, Unauthorized):
            if not self._access.role_id:
                raise
            # The token may have been revoked or outlived: once more with a fresh one.
            return _read(self._log_in_again(client), mount, path)

    # --- the token ---------------------------------------------------------------------------------

    def _authenticated(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            elif self._clock() >= self._renew_at:
                self._renew()
            return self._client

    def _log_in_again(self, refused: Any) -> Any:
        with self._lock:
            if self._client is refused:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        access = self._access
        client = hvac.Client(
            url=access.address,
            token=access.token,
            namespace=access.namespace or None,
            verify=access.ca_file or True,
            timeout=TIMEOUT_S,
        )
        if access.role_id:
            granted = client.auth.approle.login(access.role_id, access.secret_id, mount_point=access.approle_mount)
            self._lives(granted["auth"]["lease_duration"], granted["auth"]["renewable"])
            return client
        try:
            token = client.auth.token.lookup_self()["data"]
        except (Forbidden, Unauthorized):
            # A token need not be allowed to look at itself; it then has to last by itself.
            self._lives(0, renewable=False)
        else:
            self._lives(token["ttl"], token.get("renewable", False))
        return client

    def _renew(self) -> None:
        if self._renewable:
            try:
                renewed = self._client.auth.token.renew_self()
            except (Forbidden, Unauthorized):
                self._renewable = False
            else:
                self._lives(renewed["auth"]["lease_duration"], renewed["auth"]["renewable"])
                return
        if self._access.role_id:
            self._client = self._connect()
        else:
            self._renew_at = float("inf")

    def _lives(self, seconds: int, renewable: bool) -> None:
        """Note for how long the token lives; 0: for ever."""
        self._renewable = renewable
        self._renew_at = self._clock() + seconds * _RENEW_FROM if seconds else float("inf")


def _read(client: Any, mount: str, path: str) -> Mapping[str, Any]:
    answer = client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)
    fields: Mapping[str, Any] = answer["data"]["data"] or {}
    return fields
