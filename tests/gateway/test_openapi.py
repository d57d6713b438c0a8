"""The OpenAPI document: valid, complete, and true to the table of endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular import validation
from jsonschema_rs import Draft202012Validator

from gateway.openapi_operations import OPERATIONS, Operation
from tests.gateway.api_document import api_document, validator_of
from tests.gateway.stand import Stand

CALLS = [operation for operation in OPERATIONS if operation.method == "POST"]


@pytest.fixture(scope="module")
def document() -> Any:
    return api_document()


def described(document: Any, name: str) -> Any:
    """The operation with this id."""
    operations = [found for path in document["paths"].values() for found in path.values()]
    [operation] = [found for found in operations if found["operationId"] == name]
    return operation


def test_the_command_warns_of_nothing_in_the_document(tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", file=str(tmp_path / "schema.yml"))


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    # The schema that --validate applies; with the validator in Python that it uses, that takes half a minute.
    schema = Path(validation.__file__).with_name("openapi_3_1_schema.json").read_bytes()
    Draft202012Validator(msgspec.json.decode(schema)).validate(document)


def test_every_endpoint_of_the_table_is_described_with_its_method(document: Any) -> None:
    served = {(endpoint.method.lower(), endpoint.template) for endpoint in Stand().endpoints.table}
    paths = document["paths"].items()
    found = {(method, path) for path, methods in paths for method in methods if not path.startswith("/api/")}
    assert served <= found
    assert {template for _, template in found} == {template for _, template in served}


def test_every_reference_leads_somewhere(document: Any) -> None:
    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


@pytest.mark.parametrize("operation", CALLS, ids=lambda operation: operation.name)
def test_an_operations_examples_fit_its_schema(document: Any, operation: Operation) -> None:
    content = described(document, operation.name)["requestBody"]["content"]["application/json"]
    assert content["examples"]
    for example in content["examples"].values():
        validator_of(document, operation.body).validate(example["value"])


def test_what_the_gateway_keeps_for_itself_is_no_field(document: Any) -> None:
    assert "__body__" not in msgspec.json.encode(document).decode()


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("ChatRequest", {"messages": []}),
        ("ChatRequest", {"messages": [{"role": "user", "content": "Hi"}], "temperature": 3}),
        ("ChatRequest", {"messages": [{"role": "user", "content": "Hi"}], "budget": {"tokens": 3}}),
        ("MessagesRequest", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("GenerateRequest", {"prompt": "Hi", "stream": True}),
        ("EmbeddingRequest", {"input": ""}),
    ],
)
def test_a_schema_refuses_what_the_endpoint_refuses(document: Any, schema: str, body: Any) -> None:
    assert not validator_of(document, schema).is_valid(body)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (
            "ChatRequest",
            {"messages": [{"role": "user", "content": "Hi"}], "model": None, "logit_bias": {"50256": -100}},
        ),
        ("ChatRequest", {"messages": [{"role": "user", "content": "Hi"}], "a_field_of_tomorrow": 1, "tags": ["a"]}),
        ("CountTokensRequest", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("EmbeddingRequest", {"input": [[1, 2], [3]]}),
    ],
)
def test_a_schema_takes_what_the_endpoint_takes(document: Any, schema: str, body: Any) -> None:
    validator_of(document, schema).validate(body)


@pytest.mark.parametrize(
    ("operation", "schema"),
    [
        ("create_chat_completion", "Error"),
        ("create_message", "MessagesError"),
        ("count_message_tokens", "MessagesError"),
    ],
)
def test_errors_are_described_in_the_shape_of_their_format(document: Any, operation: str, schema: str) -> None:
    content = described(document, operation)["responses"]["401"]["content"]["application/json"]
    assert content["schema"] == {"$ref": f"#/components/schemas/{schema}"}


def test_answers_describe_their_headers(document: Any) -> None:
    responses = described(document, "create_chat_completion")["responses"]
    assert {"x-correlation-id", "x-trace-id", "x-breakwater-cost-nanousd", "x-ratelimit-limit-tokens"} <= set(
        responses["200"]["headers"]
    )
    assert "retry-after" in responses["429"]["headers"]
    assert "allow" in responses["405"]["headers"]


def test_calls_need_a_key_and_probes_do_not(document: Any) -> None:
    assert described(document, "create_message")["security"] == [{"ApiKey": []}, {"ApiKeyHeader": []}]
    assert not [named for named in described(document, "health").get("security", []) if named]
    assert set(document["components"]["securitySchemes"]) >= {"ApiKey", "ApiKeyHeader"}


def test_the_document_is_served_to_everybody(client: Client) -> None:
    response = client.get("/api/schema", HTTP_ACCEPT="application/json")
    assert response.status_code == 200
    assert msgspec.json.decode(response.content)["openapi"].startswith("3.1")


@pytest.mark.parametrize("page", ["/api/docs", "/api/redoc"])
def test_the_page_that_shows_it_loads_nothing_from_elsewhere(client: Client, page: str) -> None:
    response = client.get(page)
    assert response.status_code == 200
    text = response.content.decode()
    assert "drf_spectacular_sidecar" in text
    assert "https://" not in text
