"""The OpenAPI document as its readers get it."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator


def api_document() -> Any:
    """Plain JSON values."""
    return msgspec.json.decode(msgspec.json.encode(SchemaGenerator().get_schema(request=None, public=True)))


def validator_of(document: Any, name: str) -> Draft202012Validator:
    """A validator of one schema of the document."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})
