"""The schemas in ``contracts/schemas`` are what consumers were promised."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

import contracts
from contracts.events import LAYERS, SCHEMA_VERSION, EventPayload, payload_types
from events.schemas import as_text, breaking_changes, exported_schemas

DIRECTORY = Path(contracts.__file__).parent / "schemas" / f"v{SCHEMA_VERSION}"


def _committed() -> dict[str, Any]:
    return {path.name: msgspec.json.decode(path.read_bytes()) for path in sorted(DIRECTORY.glob("*.json"))}


@pytest.mark.parametrize("name", sorted(_committed()))
def test_the_code_still_keeps_what_its_schema_promises(name: str):
    exported = exported_schemas()
    assert name in exported, f"{name}: event types are never removed within a schema version"
    assert breaking_changes(_committed()[name], exported[name]) == []


def test_the_committed_schemas_are_up_to_date():
    stale = [name for name, schema in exported_schemas().items() if as_text(schema) != _bytes(DIRECTORY / name)]
    assert stale == [], "run 'manage.py event_schemas' and commit the result"


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


@pytest.mark.parametrize("struct", payload_types().values(), ids=lambda struct: struct.event_type)
def test_every_type_is_named_by_domain_action_and_result_and_has_a_layer(struct: type[EventPayload]):
    assert len(struct.event_type.split(".")) == 3
    assert struct.layer in LAYERS
    assert struct.__doc__


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer", "default": 0},
        "inner": {"$ref": "#/$defs/Inner"},
        "many": {"type": "array", "items": {"$ref": "#/$defs/Inner"}},
    },
    "required": ["name"],
    "$defs": {"Inner": {"type": "object", "properties": {"deep": {"type": "string"}}, "required": ["deep"]}},
}


def _changed(change: Any) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    change(schema)
    return schema


def test_a_new_optional_field_is_compatible():
    assert breaking_changes(SCHEMA, _changed(lambda s: s["properties"].update(new={"type": "string"}))) == []
    assert breaking_changes(SCHEMA, _changed(lambda s: s["$defs"]["Inner"]["properties"].update(new={}))) == []


def test_new_words_in_descriptions_are_compatible():
    assert breaking_changes(SCHEMA, _changed(lambda s: s.update(description="New."))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["properties"].pop("count"), "count was removed"),
        (lambda s: s["properties"].update(count={"type": "string"}), "count changed"),
        (lambda s: s["required"].append("count"), "count became required"),
        (lambda s: s["required"].remove("name"), "name may now be missing"),
        (lambda s: s["$defs"]["Inner"]["properties"].pop("deep"), "inner.deep was removed"),
        (lambda s: s["$defs"]["Inner"]["properties"].update(deep={"type": "null"}), "many[].deep changed"),
    ],
)
def test_anything_else_needs_a_new_version(change: Any, message: str):
    assert any(problem.startswith(message) for problem in breaking_changes(SCHEMA, _changed(change)))
