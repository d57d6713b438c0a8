"""What an audit entry says, in words: names of things, labels of fields, values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst

from console import formats
from console.times import absolute
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.rows import ConfigRow

OTHER_OBJECTS = {
    "user": "Person",
    "group": "Group",
    "enduser": "End user",
    "auditentry": "Audit log",
    "usage": "Usage",
    "session": "Session",
}
"""Objects of entries that are no configuration rows."""
NOTHING = "–"
SUMMARISED = 2
"""Changes that a line of the list has room for."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after; None where there was no row before, or is none after."""

    label: str
    before: str | None
    after: str | None


@lru_cache(maxsize=1)
def object_labels() -> dict[str, str]:
    """What the types of objects are called, by the name that entries have for them."""
    rows = {
        model._meta.model_name or "": str(capfirst(model._meta.verbose_name))
        for model in apps.get_models()
        if issubclass(model, ConfigRow)
    }
    return dict(sorted({**rows, **OTHER_OBJECTS}.items(), key=lambda item: item[1].lower()))


def object_label(object_type: str) -> str:
    """What objects of this type are called."""
    known = object_labels().get(object_type) or _other_rows().get(object_type)
    return known or str(capfirst(object_type.replace("_", " ")))


@lru_cache(maxsize=1)
def _other_rows() -> dict[str, str]:
    """Of rows that are no configuration, and of which there are entries all the same."""
    return {model._meta.model_name or "": str(capfirst(model._meta.verbose_name)) for model in apps.get_models()}


def changes(entry: AuditEntry, names: Mapping[str, str] | None = None) -> list[Change]:
    """The fields that the entry tells of, in their order; ``names`` are those of rows, by id."""
    before, after = _fields(entry.before), _fields(entry.after)
    fields = _model_fields(entry.object_type)
    found = []
    for name in dict.fromkeys((*after, *before)):
        field = fields.get(name)
        texts = [
            None if not side else shown(name, side[name], field, names or {}) if name in side else NOTHING
            for side in (before, after)
        ]
        if any(text not in (None, NOTHING) for text in texts):
            found.append(Change(_label(name, field), *texts))
    return found


def summary(entry: AuditEntry) -> str:
    """The entry's changes in one line."""
    fields = _model_fields(entry.object_type)
    if fields and (not entry.before or not entry.after):
        # A row that came or went: its name says more than two of its many fields.
        return ""
    told = changes(entry)
    refers = {_label(name, field) for name, field in fields.items() if field.is_relation}
    parts = [
        f"{one.label} changed"
        if one.label in refers
        else f"{one.label}: {one.before} → {one.after}"
        if one.before is not None
        else f"{one.label}: {one.after}"
        for one in told
    ]
    more = f" and {len(parts) - SUMMARISED} more" if len(parts) > SUMMARISED else ""
    return "; ".join(_short(part) for part in parts[:SUMMARISED]) + more


def names_in(entry: AuditEntry) -> dict[str, str]:
    """Names of the rows that the entry's fields refer to by id, of those that are still there."""
    wanted: dict[type[models.Model], set[str]] = {}
    for name, field in _model_fields(entry.object_type).items():
        related = field.related_model
        if isinstance(related, type) and issubclass(related, models.Model):
            ids = {str(side[name]) for side in (_fields(entry.before), _fields(entry.after)) if side.get(name)}
            wanted.setdefault(related, set()).update(ids)
    found: dict[str, str] = {}
    with across_tenants("names of the rows that an entry refers to, which its reader may see"):
        for model, ids in wanted.items():
            if ids:
                found |= {str(row.pk): str(row) for row in model._base_manager.filter(pk__in=ids)}
    return found


def shown(name: str, value: Any, field: Any = None, names: Mapping[str, str] | None = None) -> str:
    """A value as people read it: money in dollars, times in the viewer's zone, choices by their labels."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int) and name.endswith("_nanousd"):
        return formats.money(value)
    if isinstance(value, int | float):
        return formats.number(value)
    if isinstance(value, list):
        return ", ".join(shown(name, item, None, names) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(key, item)}" for key, item in value.items())
    return _text(str(value), field, names or {})


def _text(text: str, field: Any, names: Mapping[str, str]) -> str:
    if text in names:
        return names[text]
    labels = dict(getattr(field, "flatchoices", ()) or ())
    if text in labels:
        return str(labels[text])
    moment = parse_datetime(text) if isinstance(field, models.DateTimeField) else None
    return _moment(moment) if moment is not None else text


def _moment(moment: datetime) -> str:
    return absolute(moment)


def _fields(side: Any) -> dict[str, Any]:
    return side if isinstance(side, dict) else {}


@lru_cache(maxsize=256)
def _model_fields(object_type: str) -> dict[str, Any]:
    model = next((model for model in apps.get_models() if model._meta.model_name == object_type), None)
    return {} if model is None else {field.name: field for field in model._meta.concrete_fields}


def _label(name: str, field: Any) -> str:
    label = name if field is None else str(field.verbose_name)
    return str(capfirst(label.replace("_", " ").removesuffix(" nanousd")))


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
