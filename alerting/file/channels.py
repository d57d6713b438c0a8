"""Channels in ``observability.yaml``: addresses stand there, secrets only by the name of a variable."""

from __future__ import annotations

import os
from typing import Any

from django.core.exceptions import ValidationError

from alerting.channel_rows import Channel
from alerting.channel_services import change_channel, create_channel, delete_channel
from alerting.file.entries import Part, default, others
from alerting.owned import Severity
from routing.configuration.located import Section
from routing.configuration.run import Run
from tenants.outgoing import read_secret

Kind = Channel.Kind
_ENV = "env:"


def _apply(row: Channel, entry: Section, run: Run) -> None:
    kind = entry.choice("kind", Kind.values, "")
    address, secret = entry.text("address"), _secret(row, entry)
    fields = {
        "from_severity": entry.choice("from_severity", Severity.values, default(Channel, "from_severity")),
        "on_escalation_only": entry.flag("on_escalation_only", default=False),
        "enabled": entry.flag("enabled", default=True),
    }
    if not kind:
        if not entry.has("kind"):
            entry.problem(f"channel {row.name} needs a kind: one of {', '.join(Kind.values)}")
        return
    try:
        if row._state.adding:
            _create(row, kind, address, secret, fields, entry, run)
        else:
            _change(row, kind, address, secret, fields, entry, run)
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            entry.problem(f"channel {row.name}: {' '.join(messages)}", field)


def _secret(row: Channel, entry: Section) -> str:
    """What the variable holds; empty, where none is named or there is none."""
    reference = entry.text("secret")
    if not reference:
        return ""
    if not reference.startswith(_ENV):
        entry.problem(f"channel {row.name}: a secret is named as env:NAME, it does not stand in a file", "secret")
        return ""
    value = os.environ.get(reference.removeprefix(_ENV), "")
    if not value and row._state.adding:
        entry.problem(f"channel {row.name}: there is no variable {reference.removeprefix(_ENV)} here", "secret")
    return value


def _create(
    row: Channel, kind: str, address: str, secret: str, fields: dict[str, Any], entry: Section, run: Run
) -> None:
    if kind == Kind.WEBHOOK:
        entry.problem(f"channel {row.name}: a webhook is made on its page, which shows its secret once", "kind")
    elif kind != Kind.EMAIL and not secret:
        if not entry.has("secret"):
            entry.problem(f"channel {row.name} needs a secret, such as env:SLACK_WEBHOOK_URL")
    else:
        create_channel(kind=kind, name=row.name, tenant=row.tenant, address=address, secret=secret, **fields)
        run.changes.append(f"created channel {row.name}")


def _change(
    row: Channel, kind: str, address: str, secret: str, fields: dict[str, Any], entry: Section, run: Run
) -> None:
    if kind != row.kind:
        entry.problem(f"channel {row.name} is of kind {row.kind}, and stays so", "kind")
        return
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    new_address = address if address != row.address else ""
    changed += ["address"] * bool(new_address)
    new_secret = secret if secret and row.secret is not None and read_secret(row.secret)[0].reveal() != secret else ""
    changed += ["secret"] * bool(new_secret)
    if changed:
        change_channel(channel=row, address=new_address, secret=new_secret, **fields)
        run.changes.append(f"changed channel {row.name}: {', '.join(changed)}")


def _fields(row: Channel) -> dict[str, Any]:
    address = {"address": row.address} if row.address else {}
    return {"kind": row.kind, **address, **others(row, ("from_severity", "on_escalation_only", "enabled"))}


PART = Part("channels", Channel, _apply, _fields, lambda row: delete_channel(channel=row))
