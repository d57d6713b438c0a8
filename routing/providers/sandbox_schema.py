"""An instance of a JSON Schema, the same one for the same schema and words every time."""

from __future__ import annotations

import math
from typing import Any

from contracts.chat import JsonObject

MAX_DEPTH = 6
"""Below this depth only what is required is filled in, so that recursive schemas end."""

_HARD_DEPTH = 40
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "email": "person@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any, words: str = "", *, root: Any = None, depth: int = 0) -> Any:
    """A value that fits ``schema``, its strings taken from ``words`` where nothing narrows them.

    Reads ``$ref`` into the schema itself, ``enum``, ``const``, ``default``, ``anyOf``/``oneOf``/``allOf`` and the
    bounds of lengths and numbers; a ``pattern`` is not solved.
    """
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > _HARD_DEPTH:
        return words
    schema = _resolved(schema, root)
    given = _given(schema)
    if given:
        return given[0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return sample(_preferred(choices), words, root=root, depth=depth + 1)
    kind = _type_of(schema)
    if kind == "object":
        return _object(schema, words, root, depth)
    if kind == "array":
        return _array(schema, words, root, depth)
    if kind in {"integer", "number"}:
        return _number(schema, kind)
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, words)


def _given(schema: JsonObject) -> list[Any]:
    """Values that the schema itself names, best first."""
    if "const" in schema:
        return [schema["const"]]
    named = [schema["default"]] if "default" in schema else []
    return [*named, *(schema.get("enum") or ()), *(schema.get("examples") or ())]


def _resolved(schema: JsonObject, root: Any) -> JsonObject:
    """The schema behind a local ``$ref``, with the parts of ``allOf`` merged in."""
    for _ in range(_HARD_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        found = root
        for step in reference[1:].split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**found, **rest} if isinstance(found, dict) else rest
    for part in schema.get("allOf") or ():
        if isinstance(part, dict):
            schema = _merged(schema, _resolved(part, root))
    return schema


def _merged(one: JsonObject, other: JsonObject) -> JsonObject:
    merged = {**other, **one}
    merged["properties"] = {**(other.get("properties") or {}), **(one.get("properties") or {})}
    merged["required"] = [*(one.get("required") or ()), *(other.get("required") or ())]
    return merged


def _preferred(choices: list[Any]) -> Any:
    """The first alternative that is not null."""
    for choice in choices:
        if not isinstance(choice, dict) or choice.get("type") != "null":
            return choice
    return choices[0]


def _type_of(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _object(schema: JsonObject, words: str, root: Any, depth: int) -> JsonObject:
    required = schema.get("required") or []
    properties = schema.get("properties") or {}
    return {
        name: sample(properties.get(name, {}), words, root=root, depth=depth + 1)
        for name in dict.fromkeys([*properties, *required])
        if depth < MAX_DEPTH or name in required
    }


def _array(schema: JsonObject, words: str, root: Any, depth: int) -> list[Any]:
    prefix = schema.get("prefixItems") or []
    items = [sample(one, words, root=root, depth=depth + 1) for one in prefix]
    least = int(schema.get("minItems") or (1 if depth < MAX_DEPTH and schema.get("maxItems") != 0 else 0))
    while len(items) < least:
        items.append(sample(schema.get("items") or {}, words, root=root, depth=depth + 1))
    return items


def _number(schema: JsonObject, kind: str) -> float | int:
    value = 1.0
    if "minimum" in schema:
        value = max(value, float(schema["minimum"]))
    if "exclusiveMinimum" in schema:
        value = max(value, float(schema["exclusiveMinimum"]) + (1 if kind == "integer" else 0.5))
    if "maximum" in schema:
        value = min(value, float(schema["maximum"]))
    if "exclusiveMaximum" in schema:
        value = min(value, float(schema["exclusiveMaximum"]) - (1 if kind == "integer" else 0.5))
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        value = math.ceil(value / step) * step
    return math.ceil(value) if kind == "integer" else value


def _string(schema: JsonObject, words: str) -> str:
    text = _FORMATS.get(str(schema.get("format")), words)
    least = int(schema.get("minLength") or 0)
    if len(text) < least:
        text = (text or "x").ljust(least, "x")
    most = schema.get("maxLength")
    return text[:most] if isinstance(most, int) else text
