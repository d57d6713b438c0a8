"""A small value that fits a JSON Schema, for emulators that have to answer with one."""

from __future__ import annotations

from typing import Any


def sample(schema: Any) -> Any:
    """Fits ``type``, ``enum``, ``const``, ``properties``, ``items``, ``anyOf`` and local ``$ref``; else ``"text"``."""
    return _sample(schema, schema)


def _sample(schema: Any, root: Any) -> Any:
    if not isinstance(schema, dict):
        return "text"
    if "$ref" in schema:
        found = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return _sample(found, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _sample(schema[union][0], root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: Any) -> Any:
    kind: Any = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or "properties" in schema:
        return {name: _sample(inner, root) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_sample(schema.get("items", {}), root)]
    return {"integer": 7, "number": 1.5, "boolean": True, "null": None}.get(kind, "text")
