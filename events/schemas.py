"""JSON Schemas of all events, and what may change in them without a new ``schema_version``. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.events import SCHEMA_VERSION, Envelope, EventPayload, payload_types

Schema = dict[str, Any]

ENVELOPE_FILE = "envelope.json"


def exported_schemas() -> dict[str, Schema]:
    """File name → JSON Schema (2020-12): the envelope, and one payload per event type."""
    schemas = {ENVELOPE_FILE: _schema(Envelope, "Envelope of every event")}
    for event_type, struct in payload_types().items():
        schemas[f"{event_type}.json"] = _schema(struct, event_type)
    return schemas


def as_text(schema: Schema) -> bytes:
    """The schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema, order="deterministic"), indent=2) + b"\n"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What a consumer of ``old`` could not bear in ``new``: removed or retyped fields, new required ones.

    Both are schemas as :func:`exported_schemas` makes them; an empty list means compatible.
    """
    return _compare(_resolved(old), _resolved(new), "")


def _schema(struct: type[msgspec.Struct] | type[EventPayload], title: str) -> Schema:
    (schema,), components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    body = components.pop(struct.__name__, schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:breakwater:events:v{SCHEMA_VERSION}:{title.split()[0].lower()}",
        **body,
        "title": title,
        **({"$defs": components} if components else {}),
    }


def _resolved(schema: Schema) -> Schema:
    """The schema with its references replaced by what they name."""
    definitions = schema.get("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return resolve(definitions[value["$ref"].rsplit("/", 1)[-1]])
            return {key: resolve(item) for key, item in value.items() if key != "$defs"}
        if isinstance(value, list):
            return [resolve(item) for item in value]
        return value

    resolved: Schema = resolve(schema)
    return resolved


_TEXTS = frozenset({"title", "description", "default", "$id", "$schema"})


def _compare(old: Schema, new: Schema, path: str) -> list[str]:
    problems: list[str] = []
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, field in old_fields.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in new_fields:
            problems.append(f"{where} was removed")
        else:
            problems += _compare(field, new_fields[name], where)
    required = set(new.get("required", [])) - set(old.get("required", []))
    problems += [f"{path}.{name}".lstrip(".") + " became required" for name in sorted(required)]
    optional = set(old.get("required", [])) - set(new.get("required", []))
    problems += [f"{path}.{name}".lstrip(".") + " may now be missing" for name in sorted(optional)]
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        problems += _compare(old["items"], new["items"], f"{path}[]")
    if _shape(old) != _shape(new):
        problems.append(f"{path or 'the schema'} changed from {_shape(old)} to {_shape(new)}")
    return problems


def _shape(schema: Schema) -> Schema:
    """What makes up the type of one place, less what is compared field by field and what people read."""
    return {
        key: value
        for key, value in schema.items()
        if key not in _TEXTS and key not in ("properties", "required", "items")
    }
