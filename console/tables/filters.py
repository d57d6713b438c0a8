"""Which filters are set, as chips that take them away again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that is set."""

    label: str
    value: str
    url: str
    """The page without it."""


def without(query: QueryDict, *names: str, **values: str) -> str:
    """The query string without these names and with these values; page and cursor go, since they belong to the rows."""
    changed = query.copy()
    for name in ("page", "after", "format", *names):
        changed.pop(name, None)
    for name, value in values.items():
        changed[name] = value
    return f"?{changed.urlencode()}"


def chips(form: forms.Form | None, query: QueryDict) -> list[Chip]:
    """One for each filter of the form that is set and valid."""
    if form is None:
        return []
    form.is_valid()
    found = []
    for name, field in form.fields.items():
        value = form.cleaned_data.get(name)
        if value in (None, "", []) or (hasattr(value, "exists") and not value.exists()):
            continue
        names = [key for key in query if key == name or key.startswith((f"{name}_", f"{name}-"))]
        found.append(Chip(str(field.label or name), _words(field, value), without(query, name, *names)))
    return found


def _words(field: Any, value: Any) -> str:
    """What the person chose, not what the form keeps."""
    if isinstance(value, slice):
        return f"{_edge(value.start)} to {_edge(value.stop)}"
    labels = {
        str(key): str(label)
        for key, label in getattr(field, "choices", ())
        if isinstance(label, str) or not isinstance(label, list | tuple)
    }
    many = value if isinstance(value, list | tuple) or hasattr(value, "exists") else [value]
    return ", ".join(labels.get(str(getattr(one, "pk", one)), str(one)) for one in many)


def _edge(value: Any) -> str:
    return "any" if value is None else str(value)
