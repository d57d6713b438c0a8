"""One error shape, whatever went wrong and wherever Django noticed it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions

from contracts import errors
from controlplane import api_errors
from controlplane.api_errors import as_gateway_error


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (exceptions.NotAuthenticated(), 401, errors.AuthenticationFailed.code),
        (exceptions.PermissionDenied(), 403, errors.PermissionDenied.code),
        (PermissionDenied("internal reason"), 403, errors.PermissionDenied.code),
        (Http404("Tenant matching query does not exist"), 404, errors.NotFound.code),
        (exceptions.MethodNotAllowed("PUT"), 405, errors.MethodNotAllowed.code),
        (exceptions.UnsupportedMediaType("text/plain"), 415, errors.UnsupportedMediaType.code),
        (exceptions.ParseError("Malformed"), 400, errors.InvalidRequest.code),
        (exceptions.Throttled(wait=3), 429, errors.RateLimited.code),
        (errors.ServiceUnavailable("Come back later."), 503, errors.ServiceUnavailable.code),
    ],
)
def test_each_exception_has_its_status_and_code(exception: Exception, status: int, code: str) -> None:
    error = as_gateway_error(exception)
    assert error is not None
    assert (error.status, error.code) == (status, code)


def test_what_is_inside_is_not_told() -> None:
    assert "matching query" not in str(as_gateway_error(Http404("Tenant matching query does not exist")))
    assert "internal" not in str(as_gateway_error(PermissionDenied("internal reason")))


def test_a_throttled_caller_learns_when_to_come_back() -> None:
    error = as_gateway_error(exceptions.Throttled(wait=3))
    assert error is not None
    assert error.retry_after_s == 3
    assert error.as_body("req_1")["error"]["retryable"] is True


def test_a_wrong_field_is_named_with_its_path() -> None:
    error = as_gateway_error(exceptions.ValidationError({"targets": [{"weight": ["Must be positive."]}]}))
    assert error is not None
    body = error.as_body("req_1")["error"]
    assert body["param"] == "targets[0].weight"
    assert body["message"] == "targets[0].weight: Must be positive."


def test_several_wrong_fields_are_all_listed() -> None:
    error = as_gateway_error(ValidationError({"name": ["Too long."], "slug": ["Taken."]}))
    assert error is not None
    fields = error.as_body("req_1")["error"]["details"]["fields"]
    assert [field["param"] for field in fields] == ["name", "slug"]


def test_a_bug_of_ours_is_no_answer_of_ours() -> None:
    assert as_gateway_error(KeyError("x")) is None


def test_an_unknown_path_of_the_api_answers_in_the_error_shape(client: Client) -> None:
    response = client.get("/api/nowhere", headers={"x-correlation-id": "caller-0001"})
    assert response.status_code == 404
    error = response.json()["error"]
    assert {"code", "message", "type", "param", "retryable", "correlation_id"} <= set(error)
    assert error["code"] == "NOT_FOUND"
    assert error["correlation_id"] == "caller-0001" == response.headers["x-correlation-id"]


def test_an_unknown_page_answers_in_html(client: Client) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


def test_an_exception_in_a_view_of_the_api_tells_no_stack(rf: RequestFactory) -> None:
    response: Any = api_errors.server_error(rf.get("/api/tenants"))
    assert response.status_code == 500
    assert b"Traceback" not in response.content
    assert b"INTERNAL" in response.content
