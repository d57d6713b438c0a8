"""Field validators of the tenants' tables; each message says what to write instead."""

from __future__ import annotations

import functools
import ipaddress
import zoneinfo

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from tenants.secrets.references import parse_reference, parse_reference_of

ROUTE_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z", "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit."
)

ACCESS_TAG = RegexValidator(
    r"\A(?:\*|[A-Za-z0-9][A-Za-z0-9:._-]{0,63})\Z",
    "A tag has letters, digits and : . _ -, at most 64; * alone stands for all.",
)
"""Of keys; documents' own tags are the same without the star."""


@functools.cache
def time_zone_names() -> frozenset[str]:
    """All IANA names that this machine knows; asked once, for it reads the headers of six hundred files."""
    return frozenset(zoneinfo.available_timezones())


def validate_time_zone(value: str) -> None:
    """An IANA time zone name such as ``Europe/Berlin``."""
    if value not in time_zone_names():
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
    """A reference of one of the forms in :mod:`tenants.secrets.references`."""
    try:
        parse_reference(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_secret_owner(reference: str, *, tenant_owned: bool) -> None:
    """A credential that a provider of this owner may use; errors are those of the field ``secret_ref``."""
    if not reference:
        return
    try:
        parse_reference_of(reference, tenant_owned=tenant_owned)
    except ValueError as error:
        raise ValidationError({"secret_ref": str(error)}) from error
