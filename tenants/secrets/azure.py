"""Reads ``azure:VAULT/SECRET[/VERSION]`` from Azure Key Vault.

Who we are comes from azure-identity's own chain: environment (client secret or certificate), workload or managed
identity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from tenants.secrets.references import Reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable

TIMEOUT_S = 5
_DISABLED = 403
_DISABLED_CODE = "SecretDisabled"


class AzureSource:
    """A client per vault. ``address_of`` gives a vault's address from its name; ``options`` go to every client."""

    near = False
    versioned = False
    renewable = True

    def __init__(
        self,
        address_of: Callable[[str], str],
        *,
        credential: Callable[[], Any] = DefaultAzureCredential,
        **options: Any,
    ) -> None:
        for name in ("azure", "msal"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._address_of = address_of
        self._make_credential = credential
        self._options = {
            "connection_timeout": TIMEOUT_S,
            "read_timeout": TIMEOUT_S,
            "retry_total": 1,
            "logging_enable": False,
            **options,
        }
        self._lock = Lock()
        self._credential: Any = None
        self._clients: dict[str, SecretClient] = {}

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The version that the reference names, or the newest."""
        try:
            value = self._value(reference)
        except ResourceNotFoundError:
            raise SecretMissing(f"Azure Key Vault has no secret {reference}.") from None
        except ClientAuthenticationError:
            raise SecretUnavailable(f"Azure does not know who we are, asked for {reference}.") from None
        except HttpResponseError as error:
            if error.status_code == _DISABLED and _inner_code(error) == _DISABLED_CODE:
                raise SecretMissing(f"Azure's secret {reference} is disabled.") from None
            raise SecretUnavailable(f"Azure Key Vault refused {reference}: status {error.status_code}.") from None
        except (AzureError, ValueError, OSError) as error:
            raise SecretUnavailable(
                f"Azure Key Vault could not be asked for {reference}: {type(error).__name__}."
            ) from None
        if not value:
            raise SecretMissing(f"Azure's secret {reference} is empty.")
        return value

    def _value(self, reference: Reference) -> str | None:
        vault, _, name = reference.path.partition("/")
        client = self._client(vault)
        try:
            return client.get_secret(name, reference.version or None).value
        except ClientAuthenticationError:
            # The identity keeps its token until it ends by itself; one that was ended early needs a fresh identity.
            self._forget(client)
            return self._client(vault).get_secret(name, reference.version or None).value

    def _forget(self, refused: SecretClient) -> None:
        with self._lock:
            if refused in self._clients.values():
                self._clients.clear()
                self._credential = None

    def _client(self, vault: str) -> SecretClient:
        with self._lock:
            if vault not in self._clients:
                if self._credential is None:
                    self._credential = self._make_credential()
                self._clients[vault] = SecretClient(self._address_of(vault), self._credential, **self._options)
            return self._clients[vault]


def _inner_code(error: HttpResponseError) -> str:
    inner = getattr(error.error, "innererror", None)
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""
