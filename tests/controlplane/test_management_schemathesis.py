"""Requests to the management API's lists that are derived from the OpenAPI document, valid and not.

Those to single rows would miss them all; tests/controlplane/test_management_api.py checks their answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.schemas import BaseSchema

from tenants.service_keys import create_service_key

pytestmark = [pytest.mark.timeout(900), pytest.mark.django_db, pytest.mark.usefixtures("authorization")]

PATHS = r"^/api/v1/[^{]*$"
IDEMPOTENCY_KEY = "Idempotency-Key"
PATH_OF_KEYS = "/api/v1/teams"
"""A small resource, with which the header is tried; all others take it in the same way."""
BODIES_PER_OPERATION = 3
"""Beside those at the bounds of the schema."""
QUERIES_PER_OPERATION = 15
DERIVED: Any = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
"""Not wanted: what a valid body must get, because the rows it names may be unknown."""


@pytest.fixture
def authorization(db: None, redis_client: Any, settings: Any) -> Iterator[str]:
    """A key of the platform."""
    settings.MANAGEMENT_RATE_PER_MINUTE = 1_000_000
    _key, clear = create_service_key(name="schemathesis", scopes=["manage"])
    # As Django's own test client does: the test's transaction lives on the connection.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield f"Bearer {clear}"
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def written() -> Any:
    """Read when its first request is wanted: cases are derived in the worker that sends them, not while all collect."""
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def document(request: pytest.FixtureRequest, written: Any) -> BaseSchema:
    return _read(request, written)


@pytest.fixture
def document_of_bodies(request: pytest.FixtureRequest, written: Any) -> BaseSchema:
    """Without the header that would name all bodies alike: each but the first were refused for that, and never read."""
    without = deepcopy(written)
    for path in without["paths"].values():
        if "post" in path:
            parameters = path["post"].get("parameters", [])
            path["post"]["parameters"] = [one for one in parameters if one["name"] != IDEMPOTENCY_KEY]
    return _read(request, without)


def _read(request: pytest.FixtureRequest, written: Any) -> BaseSchema:
    request.node._nodeid = request.node.nodeid  # schemathesis looks for it where it was before pytest 9.2
    document = schemathesis.openapi.from_dict(written)
    document.app = WSGIHandler()
    return document


@pytest.fixture
def document_of_lists(document: BaseSchema) -> BaseSchema:
    """Lists take the same parameters everywhere: each of their values at each list says little more than some do."""
    document.config.phases.coverage.enabled = False
    return document


@schemathesis.pytest.from_fixture("document_of_bodies").include(path_regex=PATHS, method="POST").parametrize()
@settings(max_examples=BODIES_PER_OPERATION, **DERIVED)
def test_no_body_gets_an_answer_that_the_document_does_not_promise(case: Any, authorization: str) -> None:
    case.call_and_validate(headers={"authorization": authorization}, checks=CHECKS.get_by_names(WANTED))


@schemathesis.pytest.from_fixture("document").include(path=PATH_OF_KEYS, method="POST").parametrize()
@settings(max_examples=BODIES_PER_OPERATION, **DERIVED)
def test_no_idempotency_key_gets_an_answer_that_the_document_does_not_promise(case: Any, authorization: str) -> None:
    case.call_and_validate(headers={"authorization": authorization}, checks=CHECKS.get_by_names(WANTED))


@schemathesis.pytest.from_fixture("document_of_lists").include(path_regex=PATHS).exclude(method="POST").parametrize()
@settings(max_examples=QUERIES_PER_OPERATION, **DERIVED)
def test_no_query_gets_an_answer_that_the_document_does_not_promise(case: Any, authorization: str) -> None:
    case.call_and_validate(headers={"authorization": authorization}, checks=CHECKS.get_by_names(WANTED))
