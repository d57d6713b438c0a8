"""Messages to services elsewhere over HTTP: Slack, PagerDuty, programs of tenants. Nothing of an address is logged."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Mapping
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage

from contracts.specs import Secret
from tenants.secret_store import StoredSecret
from tenants.secrets.checking import check_reference

logger = logging.getLogger(__name__)

TIMEOUT_S: Final = 5.0
MAX_URL_LENGTH: Final = 500


class Answer(msgspec.Struct, frozen=True):
    """What came of a message."""

    taken: bool
    status: int | None = None
    error: str = ""
    """In words without the address; empty where it was taken."""
    again: bool = True
    """Whether it is worth trying once more."""


def read_secret(secret: StoredSecret) -> tuple[Secret, str]:
    """The value, and why there is none."""
    read = check_reference(secret.reference, tenant_id=str(secret.tenant_id) if secret.tenant_id else None)
    return read.secret, "" if read.resolves else read.words


def mail(message: EmailMessage) -> Answer:
    """Hand it to the installation's mail server."""
    try:
        message.send()
    except SMTPRecipientsRefused:
        return Answer(False, None, "The mail server refuses this address.", again=False)
    except (SMTPException, OSError) as error:
        # Its words may hold the address.
        logger.warning("cannot send mail: %s", type(error).__name__)
        return Answer(False, None, f"The mail server did not take it: {type(error).__name__}.")
    return Answer(True)


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None, *, public_only: bool = False) -> Answer:
    """Send it; takes at most about :data:`TIMEOUT_S`, and follows no redirect.

    With ``public_only`` nothing but public addresses is called, whatever the name leads to: tenants name them, and the
    platform's own network is none of their business.
    """
    extensions: dict[str, str] = {}
    sent = {"content-type": "application/json", **(headers or {})}
    try:
        if public_only:
            url, host = _pinned(url)
            sent["host"] = host
            extensions = {"sni_hostname": urlsplit(f"//{host}").hostname or host}
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=not public_only) as client:
            answer = client.post(url, content=body, headers=sent, extensions=extensions)
    except _NotPublic:
        return Answer(False, None, "The address is not a public one.", again=False)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # The error's words may hold the address.
        return Answer(False, None, f"It cannot be reached: {type(error).__name__}.")
    if answer.is_success:
        return Answer(True, answer.status_code)
    again = answer.status_code >= 500 or answer.status_code in (408, 425, 429)
    return Answer(False, answer.status_code, f"It answered {answer.status_code}.", again)


class _NotPublic(Exception):
    """The name leads into a private network."""


def _pinned(url: str) -> tuple[str, str]:
    """The address with its host as a number that was looked at, so that it cannot become another one meanwhile."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    numbers = [str(entry[4][0]) for entry in found]
    if not numbers or not all(ipaddress.ip_address(number).is_global for number in numbers):
        raise _NotPublic
    shown = f"[{numbers[0]}]" if ":" in numbers[0] else numbers[0]
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{shown}{port}").geturl(), f"{host}{port}"


def checked_url(text: str, *, public_only: bool, field: str = "address") -> str:
    """The address of a program that is to be told.

    Raises:
        ValidationError: it is none, or none that this owner may name.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port_is_well = parts.port is None or parts.port > 0
    except ValueError:
        raise ValidationError({field: "This is no address."}) from None
    schemes = ("https",) if public_only else ("https", "http")
    well = parts.scheme in schemes and host and port_is_well and not parts.username and url.isprintable()
    if not well or len(url) > MAX_URL_LENGTH:
        raise ValidationError({field: f"Write an address that begins with {' or '.join(f'{s}://' for s in schemes)}."})
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    if public_only and private:
        raise ValidationError({field: "Write a public address: others cannot be reached from here."})
    return url
