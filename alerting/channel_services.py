"""What changes channels. Their secrets are stored encrypted, and shown to nobody but once."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from alerting.channel_rows import Channel
from tenants import slack
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant
from tenants.outgoing import checked_url
from tenants.secret_services import create_secret, delete_secret, replace_secret

Kind = Channel.Kind
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")


@transaction.atomic
def create_channel(
    *, kind: str, name: str, tenant: Tenant | None = None, address: str = "", secret: str = "", **fields: Any
) -> tuple[Channel, str]:
    """A new channel, and the secret that webhooks are signed with: it is shown once, and empty for other kinds.

    ``address`` is the e-mail address or the program's URL; ``secret`` Slack's webhook or PagerDuty's routing key.

    Raises:
        ValidationError: something is missing, not valid, or none that this owner may name.
    """
    row = Channel(tenant=tenant, kind=kind, name=name.strip())
    address, value, row.shown = _checked(kind, address, secret, tenant)
    row.address = address
    if value:
        row.secret = create_secret(
            name=f"alerts-{secrets.token_hex(6)}",
            value=value,
            tenant=tenant,
            description=f"{row.get_kind_display()} channel {row.name}"[:200],
        )
    return save_row(with_fields(row, fields)), value if kind == Kind.WEBHOOK else ""


@transaction.atomic
def change_channel(*, channel: Channel, address: str = "", secret: str = "", **fields: Any) -> Channel:
    """Change these fields; an empty address or secret leaves the one there is.

    Raises:
        ValidationError: a field is not valid.
    """
    if address or (secret and channel.kind != Kind.WEBHOOK):
        given, value, channel.shown = _checked(
            channel.kind, address or channel.address, secret or "-", channel.tenant, keep=not secret
        )
        channel.address = given
        if secret and channel.secret is not None:
            replace_secret(secret=channel.secret, value=value)
    return save_row(with_fields(channel, fields))


@transaction.atomic
def delete_channel(*, channel: Channel) -> None:
    """Delete it with what is known of its deliveries."""
    secret = channel.secret
    delete_row(channel)
    if secret is not None:
        delete_secret(secret=secret)


def _checked(
    kind: str, address: str, secret: str, tenant: Tenant | None, *, keep: bool = False
) -> tuple[str, str, str]:
    """Address, secret, and what may be shown of it."""
    if kind == Kind.EMAIL:
        return _email(address)
    if kind == Kind.SLACK:
        try:
            url = slack.checked_url(secret)
        except ValidationError as refusal:
            raise ValidationError({"secret": refusal.messages}) from None
        return "", url, slack.masked(url)
    if kind == Kind.PAGERDUTY:
        key = secret.strip()
        if not _ROUTING_KEY.fullmatch(key):
            raise ValidationError(
                {"secret": "A routing key has 32 letters and digits: in PagerDuty under Integrations."}
            )
        return "", key, f"••••{key[-4:]}"
    if kind == Kind.WEBHOOK:
        url = checked_url(address, public_only=tenant is not None)
        return url, "" if keep else f"whsec_{secrets.token_urlsafe(32)}", url.split("?")[0][:160]
    raise ValidationError({"kind": "There is no such kind of channel."})


def _email(address: str) -> tuple[str, str, str]:
    try:
        validate_email(address.strip())
    except ValidationError as refusal:
        raise ValidationError({"address": refusal.messages}) from None
    return address.strip(), "", address.strip()
