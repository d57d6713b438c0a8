"""A form field for a list of small structs: one box for each, with a line or a list of lines for each of its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from msgspec.inspect import CollectionType, StrType, StructType

from guardrails.pages.words import label_of

NEW_ROW: Final = "__n__"
"""Number of the row that the page's script copies."""
MOST_ROWS: Final = 200
LINES: Final = 5


class Part(NamedTuple):
    """One field of the struct."""

    name: str
    label: str
    help: str
    lines: bool
    """A list of texts, one on a line."""
    required: bool


def parts_of(struct: StructType, helps: Mapping[str, str]) -> list[Part] | None:
    """The struct's fields, if each is a text or a list of texts; else None."""
    found = []
    for field in struct.fields:
        lines = isinstance(field.type, CollectionType) and isinstance(field.type.item_type, StrType)
        if not lines and not isinstance(field.type, StrType):
            return None
        found.append(Part(field.name, label_of(field.name), helps.get(field.name, ""), lines, field.required))
    return found


class RowsWidget(forms.Widget):
    """The boxes, and an empty one to begin with; a script adds more."""

    def __init__(self, parts: Sequence[Part], noun: str) -> None:
        super().__init__()
        self.parts, self.noun = tuple(parts), noun

    def id_for_label(self, id_: str) -> str:
        """The first box's first line."""
        return f"{id_}-0-{self.parts[0].name}"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[dict[str, Any]]:
        """What was filled in, as it was typed."""
        rows: dict[int, dict[str, Any]] = {}
        pattern = re.compile(rf"{re.escape(name)}-(\d{{1,6}})-(\w+)")
        known = {part.name for part in self.parts}
        for key in data:
            match = pattern.fullmatch(key)
            if match is not None and match[2] in known and len(rows) <= MOST_ROWS:
                rows.setdefault(int(match[1]), {})[match[2]] = data[key]
        return [rows[number] for number in sorted(rows)]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Whether the form was sent without it."""
        return not any(key.startswith(f"{name}-") for key in data)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """All boxes, and the one to copy."""
        rows = [row for row in value or () if isinstance(row, Mapping)] or [{}]
        identity = (attrs or {}).get("id", f"id_{name}")
        shown = {
            "name": name,
            "id": identity,
            "noun": self.noun,
            "rows": [self._boxes(name, identity, number, row) for number, row in enumerate(rows)],
            "empty": self._boxes(name, identity, NEW_ROW, {}),
            "new_row": NEW_ROW,
            "invalid": "is-invalid" in (attrs or {}).get("class", ""),
        }
        return render_to_string("console/guardrails/struct_rows.html", shown)

    def _boxes(self, name: str, identity: str, number: int | str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "part": part,
                "name": f"{name}-{number}-{part.name}",
                "id": f"{identity}-{number}-{part.name}",
                "value": _typed(row.get(part.name)),
                "height": LINES if part.required else 2,
            }
            for part in self.parts
        ]


class RowsField(forms.Field):
    """A list of structs, as plain values; boxes in which nothing is written are left out."""

    def __init__(self, parts: Sequence[Part], noun: str, **kwargs: Any) -> None:
        self.parts = tuple(parts)
        super().__init__(widget=RowsWidget(parts, noun), **kwargs)

    def clean(self, value: Any) -> Any:
        """One mapping for each box.

        Raises:
            ValidationError: nothing is written, and something must be.
        """
        rows = [row for row in map(self._row, value or ()) if any(row.values())]
        return super().clean(rows)

    def _row(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for part in self.parts:
            given = _typed(typed.get(part.name)).strip()
            plain = list(dict.fromkeys(filter(None, map(str.strip, given.splitlines())))) if part.lines else given
            if plain or part.required:
                row[part.name] = plain
        return row


def _typed(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
