"""Bodies that are no JSON object of bounded size are refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

TEAMS = "/api/v1/teams"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "name"),
        (b"{", "JSON"),
        (b"[1]", "object"),
        (b'"text"', "object"),
        (b'{"name": NaN}', "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"name": "a\\u0000b"}', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", "levels"),
        (b'{"name": ' + b"[" * 100_000, "JSON"),
    ],
    ids=["empty", "cut", "list", "text", "nan", "no utf-8", "nul", "nul in a name", "deep", "very deep"],
)
def test_a_body_that_is_no_good_object_is_refused(body: bytes, says: str) -> None:
    response = caller(make_tenant()).post(TEAMS, body, content_type="application/json")
    assert response.status_code == 400
    assert says in error_of(response)["message"]


def test_a_large_body_is_refused(settings: Any) -> None:
    settings.MANAGEMENT_MAX_BODY_BYTES = 1024
    response = caller(make_tenant()).post(TEAMS, {"name": "x" * 2_000})
    assert response.status_code == 413
    assert error_of(response)["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_only_json_is_taken(media_type: str) -> None:
    response = caller(make_tenant()).post(TEAMS, b"name=Search", content_type=media_type)
    assert response.status_code == 415
    assert error_of(response)["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_only_json_is_given() -> None:
    response = caller(make_tenant()).get(TEAMS, headers={"accept": "text/html"})
    assert response.status_code == 406
    assert error_of(response)["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("teams", {"name": 7}, "name"),
        ("teams", {"name": ["Search"]}, "name"),
        ("rate-limits", {"level": "tenant", "metric": "requests", "value": "100"}, "value"),
        ("rate-limits", {"level": "tenant", "metric": "requests", "value": 1.5}, "value"),
        ("rate-limits", {"level": "tenant", "metric": "requests", "value": True}, "value"),
        ("budgets", {"name": "m", "limit_usd": "1", "enabled": "no"}, "enabled"),
        ("budgets", {"name": "m", "limit_usd": "1", "enabled": 1}, "enabled"),
        ("routes", {"name": "r", "match_tags": {"team": 7}}, "match_tags"),
        ("keys", {"name": "k", "allowed_models": [7]}, "allowed_models"),
    ],
)
def test_a_value_of_another_json_type_is_not_guessed_at(path: str, body: dict[str, Any], param: str) -> None:
    response = caller(make_tenant()).post(f"/api/v1/{path}", body)
    assert response.status_code == 400
    assert (error_of(response)["param"] or "").startswith(param)


def test_an_empty_text_is_no_id_and_does_not_stand_for_none() -> None:
    body = {"name": "On call", "kind": "email", "address": "oncall@example.org", "tenant_id": ""}
    response = caller().post("/api/v1/alerting/channels", body)
    assert response.status_code == 400, "It would have been the whole installation's."
    assert "Write an id" in error_of(response)["message"]
