"""Answers that are to be JSON of a certain shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text

_FENCE = re.compile(r"\s*```[\w-]*\n(.*)\n```\s*", re.DOTALL)
_decode = msgspec.json.Decoder().decode


class SchemaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which shape.

    Raises:
        ValueError: it is no valid JSON Schema, or refers to what is not in it.
    """

    schema: dict[str, Any] = msgspec.field(default_factory=dict)
    """A JSON Schema; empty: any JSON."""
    fenced: bool = True
    """JSON between three backquotes is good as well."""

    def __post_init__(self) -> None:
        validator_of(self.schema)


def validator_of(schema: dict[str, Any]) -> Any:
    """A compiled validator; its regular expressions take time that grows with the text alone.

    Raises:
        ValueError: it is no valid JSON Schema, or refers to what is not in it.
    """
    try:
        return jsonschema_rs.validator_for(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions(), validate_formats=True
        )
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"No valid JSON Schema: {error.message}") from error


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"A schema cannot refer to {uri!r}.")


class Schema:
    """Finds texts that are not JSON, or not of the shape."""

    window: int | None = None

    def __init__(self, options: SchemaOptions) -> None:
        self._validator = validator_of(options.schema)
        self._fenced = options.fenced

    def find(self, text: Text) -> Sequence[Finding]:
        """The whole text, or nothing."""
        original = text.original
        fence = _FENCE.fullmatch(original) if self._fenced else None
        try:
            value = _decode(fence[1] if fence else original)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return (Finding(0, len(original), "INVALID_JSON", evidence="is not JSON"),)
        error = next(iter(self._validator.iter_errors(value)), None)
        if error is None:
            return ()
        return (Finding(0, len(original), "INVALID_JSON", evidence=f"breaks the schema at {_place(error)}"),)


def _place(error: Any) -> str:
    """Where in the schema, which is no part of the text: the caller's data stays out of the evidence."""
    return "/".join(str(step) for step in error.schema_path) or "its root"
