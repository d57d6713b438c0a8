"""Requests derived from the OpenAPI document, valid and not, against a served gateway."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.schemas import BaseSchema

from tests.gateway.documents import Library, passage
from tests.gateway.sdk.conftest import serving
from tests.gateway.stand import CLEAR_KEY, Stand, sandbox_target

CASES_PER_OPERATION = 20
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
"""Not wanted: what a valid body must get, because the model it names may be unknown."""


@pytest.fixture(scope="module")
def served_url() -> Iterator[str]:
    """A gateway with a sandbox behind it, on a loop of its own because the requests block."""
    ready: list[str] = []
    listening = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        library = Library(passage("Staff have 25 days of leave."))
        async with serving(Stand(sandbox_target(), sandbox_target("large"), retrieval=library.parts)) as url:
            ready.append(url)
            listening.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert listening.wait(15)
    yield ready[0]
    loop.call_soon_threadsafe(done.set)
    thread.join(15)
    loop.close()


@pytest.fixture
def document(request: pytest.FixtureRequest) -> BaseSchema:
    """Read when its first request is wanted: cases are derived in the worker that sends them, not while all collect."""
    request.node._nodeid = request.node.nodeid  # schemathesis looks for it where it was before pytest 9.2
    return schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))


@schemathesis.pytest.from_fixture("document").include(path_regex=r"^/(v1/|health|metrics)").parametrize()
@settings(max_examples=CASES_PER_OPERATION, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_gets_an_answer_that_the_document_does_not_promise(case: Any, served_url: str) -> None:
    case.call_and_validate(
        base_url=served_url,
        headers={"authorization": f"Bearer {CLEAR_KEY}"},
        checks=CHECKS.get_by_names(WANTED),
    )
