"""A POST that is sent again is answered again, not done again."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.models import ApiKey, Team
from tenants.rest.idempotency import delete_expired
from tenants.rest.kept_answers import KeptAnswer
from tenants.tasks import forget_answers
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.rest.callers import caller, error_of

pytestmark = pytest.mark.usefixtures("redis_client")

KEYS, TEAMS = "/api/v1/keys", "/api/v1/teams"


@pytest.mark.django_db
def test_a_key_of_one_caller_is_nothing_to_another() -> None:
    headers = {"idempotency-key": "1"}
    for tenant in (make_tenant(), make_tenant()):
        assert "idempotent-replayed" not in caller(tenant).post(TEAMS, {"name": "Search"}, headers=headers).headers
    assert Team.objects.count() == 2


@pytest.mark.django_db
def test_the_clear_key_is_answered_again_and_nowhere_stored_in_clear() -> None:
    client, headers = caller(make_tenant()), {"idempotency-key": "deploy-17"}
    first = client.post(KEYS, {"name": "app"}, headers=headers).json()
    assert client.post(KEYS, {"name": "app"}, headers=headers).json()["clear_key"] == first["clear_key"]
    assert ApiKey.objects.count() == 1
    kept = KeptAnswer.objects.get()
    stored = f"{bytes(kept.answer)!r} {kept.key_digest} {kept.request_digest} {kept.principal}"
    assert first["clear_key"] not in stored
    assert "deploy-17" not in stored


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_actions_are_done_once_as_well(action: str) -> None:
    key = make_key()
    client, headers = caller(key.tenant), {"idempotency-key": "again"}
    first = client.post(f"{KEYS}/{key.pk}/{action}", {}, headers=headers)
    again = client.post(f"{KEYS}/{key.pk}/{action}", {}, headers=headers)
    assert first.status_code in (200, 201)
    assert (again.status_code, again.content) == (first.status_code, first.content)


@pytest.mark.django_db
def test_the_same_key_at_another_address_is_another_request() -> None:
    client, headers = caller(make_tenant()), {"idempotency-key": "1"}
    assert client.post(TEAMS, {"name": "a"}, headers=headers).status_code == 201
    assert client.post(KEYS, {"name": "a"}, headers=headers).status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\tinside", "ключ"])
def test_a_malformed_key_is_refused(key: str) -> None:
    response = caller(make_tenant()).post(TEAMS, {"name": "a"}, headers={"idempotency-key": key})
    assert response.status_code == 400
    assert error_of(response)["param"] == "Idempotency-Key"


@pytest.mark.django_db
def test_after_a_day_the_key_is_free_again() -> None:
    client, headers = caller(make_tenant()), {"idempotency-key": "1"}
    client.post(TEAMS, {"name": "a"}, headers=headers)
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(TEAMS, {"name": "b"}, headers=headers).status_code == 201
    assert KeptAnswer.objects.count() == 1


@pytest.mark.django_db
def test_answers_whose_time_is_over_are_deleted() -> None:
    client = caller(make_tenant())
    for name in ("a", "b"):
        client.post(TEAMS, {"name": name}, headers={"idempotency-key": name})
    assert delete_expired() == 0
    KeptAnswer.objects.update(expires_at=timezone.now())
    assert forget_answers() == 2


@pytest.mark.django_db
def test_an_answer_that_can_no_longer_be_read_is_not_done_again(settings: Any) -> None:
    client, headers = caller(make_tenant()), {"idempotency-key": "1"}
    client.post(TEAMS, {"name": "a"}, headers=headers)
    kept = KeptAnswer.objects.get()
    kept.answer = b"garbage"
    kept.save()
    response = client.post(TEAMS, {"name": "a"}, headers=headers)
    assert response.status_code == 409
    assert Team.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_served_the_second_is_told_to_wait() -> None:
    tenant = make_team().tenant
    client, headers = caller(tenant), {"idempotency-key": "slow"}
    held, answers = threading.Event(), []
    release = threading.Event()

    def hold(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "tenants_keptanswer" in sql and sql.startswith("INSERT"):
            held.set()
            assert release.wait(10)
        return execute(sql, params, many, context)

    def first() -> None:
        # The wrapper would be taken for the sender of what the view asks.
        with across_tenants("the view's own queries"), connection.execute_wrapper(hold):
            answers.append(client.post(TEAMS, {"name": "a"}, headers=headers))
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    second = client.post(TEAMS, {"name": "a"}, headers=headers)
    release.set()
    thread.join(10)
    assert second.status_code == 409
    assert error_of(second)["code"] == "IDEMPOTENCY_KEY_IN_USE"
    assert second.headers["retry-after"] == "1"
    assert answers[0].status_code == 201
    assert client.post(TEAMS, {"name": "a"}, headers=headers).headers["idempotent-replayed"] == "true"
