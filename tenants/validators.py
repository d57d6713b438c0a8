"""Field validators of the tenants' tables; each message says what to write instead."""

from __future__ import annotations

import ipaddress
import zoneinfo

from django.core.exceptions import ValidationError

from tenants.secrets import parse_reference


def validate_time_zone(value: str) -> None:
    """An IANA time zone name such as ``Europe/Berlin``."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"{value!r} is no IANA time zone; write one such as 'UTC' or 'Europe/Berlin'.")


def validate_cidr(value: str) -> None:
    """An address block in CIDR form, without host bits; a single address counts as a block of one."""
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValidationError(
            f"{value!r} is no address block ({error}); write one such as '10.0.0.0/8' or '2001:db8::/32'."
        ) from error


def validate_secret_reference(value: str) -> None:
    """A reference that :class:`tenants.secrets.EnvSecretResolver` understands."""
    try:
        parse_reference(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error
