"""Reads ``aws:SECRET-ID[#FIELD]`` from AWS Secrets Manager.

Credentials come from boto3's own chain: environment, shared files, the role of the container or machine.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tenants.secrets.references import Reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable

TIMEOUT_S = 5
_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""Never there, or marked for deletion."""


class AwsSource:
    """One client; boto3's clients may be shared by threads. Empty arguments leave it to boto3's own variables."""

    near = False
    versioned = False
    renewable = True

    def __init__(self, *, region: str = "", endpoint_url: str = "") -> None:
        # At DEBUG it logs whole answers, and so the secrets.
        for name in ("boto3", "botocore"):
            logging.getLogger(name).setLevel(logging.INFO)
        self._region = region
        self._endpoint_url = endpoint_url
        self._lock = Lock()
        self._client: Any = None

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The current version: the whole text, or one field of a JSON object."""
        try:
            answer = self._connected().get_secret_value(SecretId=reference.path)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "")) or "no code"
            if code in _GONE:
                raise SecretMissing(f"AWS Secrets Manager has no secret {reference} ({code}).") from None
            raise SecretUnavailable(f"AWS Secrets Manager refused {reference}: {code}.") from None
        except (BotoCoreError, OSError) as error:
            raise SecretUnavailable(
                f"AWS Secrets Manager could not be asked for {reference}: {type(error).__name__}."
            ) from None
        return _value(answer.get("SecretString"), reference)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = boto3.session.Session().client(
                    "secretsmanager",
                    region_name=self._region or None,
                    endpoint_url=self._endpoint_url or None,
                    config=Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2}),
                )
            return self._client


def _value(text: Any, reference: Reference) -> str:
    if not isinstance(text, str):
        raise SecretMissing(f"AWS' secret {reference} is binary; store text.")
    if not reference.field:
        return text
    try:
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise SecretMissing(f"AWS' secret {reference} is no JSON object.") from None
    value = fields.get(reference.field)
    if not isinstance(value, str):
        raise SecretMissing(f"AWS' secret {reference} has no such field, or it is no text.")
    return value
