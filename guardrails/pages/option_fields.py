"""Form fields made of what a kind of rule takes: a new kind has its form without a line here."""

from __future__ import annotations

import ast
import inspect
import textwrap
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from msgspec.inspect import (
    BoolType,
    CollectionType,
    DictType,
    EnumType,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from guardrails.engine.detectors.deep.judge.options import PROSE
from guardrails.engine.entity_titles import TITLES
from guardrails.engine.invariants.invariant import CODE
from guardrails.engine.kinds import RuleKind
from guardrails.pages.named_lines import NamedLinesField
from guardrails.pages.struct_rows import RowsField, parts_of
from guardrails.pages.words import label_of

PREFIX = "option_"
CHOSEN_FROM = 12
"""Sets of more values than this are typed, not ticked."""


class LinesField(forms.CharField):
    """A list of texts, one on a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **kwargs)

    def clean(self, value: Any) -> Any:
        """The texts, each once, in their order."""
        text = super().clean(value)
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

    def prepare_value(self, value: Any) -> Any:
        """One on a line; what was typed stays as it is."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else value


class JsonField(forms.CharField):
    """A JSON value."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"rows": 6, "spellcheck": "false", "class": "code-input", "placeholder": "{}"}
        super().__init__(widget=forms.Textarea(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        """The decoded value.

        Raises:
            ValidationError: it is no JSON.
        """
        text = super().clean(value)
        if not text.strip():
            return {}
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ValidationError(f"This is no JSON: {error}.") from error

    def prepare_value(self, value: Any) -> Any:
        """Indented; what was typed stays as it is."""
        return (
            value
            if isinstance(value, str) or value is None
            else msgspec.json.format(msgspec.json.encode(value)).decode()
        )


def option_fields(kind: RuleKind) -> dict[str, forms.Field]:
    """The form's fields by name, in the order of the struct."""
    helps = _docstrings(kind.options)
    fields = {}
    for field in msgspec.structs.fields(kind.options):
        default = _default_of(field)
        shared = {
            "label": label_of(field.name),
            "help_text": helps.get(field.name, ""),
            "required": field.required,
            "initial": default,
        }
        fields[PREFIX + field.name] = _field_for(type_info(field.type), shared)
    return fields


def options_of(kind: RuleKind, cleaned: dict[str, Any]) -> dict[str, Any]:
    """What was filled in, without what is at its default."""
    found = {}
    for field in msgspec.structs.fields(kind.options):
        value = cleaned.get(PREFIX + field.name)
        if value is None or (value == "" and not field.required):
            continue
        if field.required or value != _default_of(field):
            found[field.name] = value
    return found


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    if field.default is msgspec.NODEFAULT:
        return None
    plain = msgspec.to_builtins(field.default)
    return sorted(plain) if isinstance(field.default, frozenset | set) else plain


def _field_for(kind: Type, shared: dict[str, Any]) -> forms.Field:
    if isinstance(kind, Metadata):
        return _described_field(kind, shared)
    if isinstance(kind, UnionType):
        known = [one for one in kind.types if type(one).__name__ != "NoneType"]
        return _field_for(known[0], {**shared, "required": False}) if len(known) == 1 else JsonField(**shared)
    if isinstance(kind, BoolType):
        return forms.BooleanField(**{**shared, "required": False})
    if isinstance(kind, IntType):
        return forms.IntegerField(**shared, **_bounds(kind))
    if isinstance(kind, FloatType):
        widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
        return forms.FloatField(**shared, **_bounds(kind), widget=widget)
    if isinstance(kind, EnumType | LiteralType):
        return forms.ChoiceField(**shared, choices=_choices(kind))
    if isinstance(kind, StrType):
        return forms.CharField(**shared, widget=forms.TextInput(attrs={"spellcheck": "false"}))
    if isinstance(kind, CollectionType):
        return _list_field(kind, shared)
    return _object_field(kind, shared)


def _described_field(kind: Metadata, shared: dict[str, Any]) -> forms.Field:
    """Of an option that says how it is written, or among what one chooses."""
    if kind.extra == PROSE:
        return forms.CharField(**shared, widget=forms.Textarea(attrs={"rows": 4}))
    if titles := (kind.extra or {}).get(TITLES):
        return forms.MultipleChoiceField(**shared, choices=list(titles.items()), widget=forms.CheckboxSelectMultiple)
    return _code_field(shared) if kind.extra == CODE else _field_for(kind.type, shared)


def _object_field(kind: Type, shared: dict[str, Any]) -> forms.Field:
    texts = isinstance(kind, DictType) and isinstance(kind.key_type, StrType) and isinstance(kind.value_type, StrType)
    return NamedLinesField(**shared) if texts else JsonField(**shared)


def _code_field(shared: dict[str, Any]) -> forms.Field:
    attrs = {"rows": 4, "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off", "class": "code-input"}
    return forms.CharField(**shared, widget=forms.Textarea(attrs=attrs))


def _list_field(kind: CollectionType, shared: dict[str, Any]) -> forms.Field:
    item = kind.item_type
    if isinstance(item, EnumType | LiteralType) and len(_choices(item)) <= CHOSEN_FROM * 4:
        return forms.MultipleChoiceField(**shared, choices=_choices(item), widget=forms.CheckboxSelectMultiple)
    if isinstance(item, StrType | EnumType | LiteralType):
        help_text = f"{shared['help_text']} One on a line.".strip()
        return LinesField(**{**shared, "help_text": help_text})
    if isinstance(item, StructType) and (parts := parts_of(item, _docstrings(item.cls))) is not None:
        return RowsField(parts, item.cls.__name__.lower(), **shared)
    return JsonField(**shared)


def _choices(kind: EnumType | LiteralType) -> list[tuple[Any, str]]:
    values = [item.value for item in kind.cls] if isinstance(kind, EnumType) else list(kind.values)
    return [(value, _choice_label(value)) for value in values]


def _choice_label(value: Any) -> str:
    text = str(value.value if isinstance(value, Enum) else value)
    return text if text.isupper() and "_" not in text and len(text) < 5 else label_of(text.lower())


def _bounds(kind: IntType | FloatType) -> dict[str, Any]:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    return {"min_value": low, "max_value": high}


@cache
def _docstrings(struct: type) -> dict[str, str]:
    """The text below each field in the struct's source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    except (OSError, TypeError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[field.target.id] = " ".join(str(below.value.value).replace("``", "").split())
    return found
