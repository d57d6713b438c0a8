"""Keys over the management API: shown once, rotated with an overlap, revoked for good."""

from __future__ import annotations

import pytest

from tenants.keys import key_hash
from tenants.models import ApiKey
from tests.tenants.factories import make_key, make_tenant
from tests.tenants.rest.callers import caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

KEYS = "/api/v1/keys"


def test_the_clear_key_is_in_the_first_answer_and_in_no_other() -> None:
    client = caller(make_tenant())
    made = client.post(KEYS, {"name": "app"}).json()
    assert ApiKey.objects.get(pk=made["id"]).key_hash == key_hash(made["clear_key"])
    later = client.get(f"{KEYS}/{made['id']}")
    assert made["clear_key"] not in later.content.decode()
    assert made["clear_key"] not in client.get(KEYS).content.decode()
    assert "key_hash" not in later.json()


def test_a_rotated_key_works_until_its_overlap_is_over() -> None:
    key = make_key()
    client = caller(key.tenant)
    successor = client.post(f"{KEYS}/{key.pk}/rotate", {"overlap_s": 0})
    assert successor.status_code == 201
    assert successor.json()["rotated_from_id"] == str(key.pk)
    assert successor.headers["location"] == f"{KEYS}/{successor.json()['id']}"
    assert client.get(f"{KEYS}/{key.pk}").json()["state"] == "expired"
    assert client.post(f"{KEYS}/{key.pk}/rotate", {}).status_code == 400


@pytest.mark.parametrize("overlap", [-1, 31 * 86_400, "1h", 1.5])
def test_an_overlap_is_a_bounded_number_of_seconds(overlap: object) -> None:
    key = make_key()
    response = caller(key.tenant).post(f"{KEYS}/{key.pk}/rotate", {"overlap_s": overlap})
    assert response.status_code == 400
    assert error_of(response)["param"] == "overlap_s"


def test_a_revoked_key_stays_revoked() -> None:
    key = make_key()
    client = caller(key.tenant)
    first = client.post(f"{KEYS}/{key.pk}/revoke", {}).json()
    assert first["state"] == "revoked"
    assert client.post(f"{KEYS}/{key.pk}/revoke", {}).json()["revoked_at"] == first["revoked_at"]
    assert client.patch(f"{KEYS}/{key.pk}", {"revoked_at": None}).status_code == 400


def test_an_action_takes_the_version_as_well() -> None:
    key = make_key()
    client = caller(key.tenant)
    response = client.post(f"{KEYS}/{key.pk}/revoke", {}, headers={"if-match": '"old"'})
    assert response.status_code == 412
    assert client.get(f"{KEYS}/{key.pk}").json()["state"] == "active"


def test_a_team_of_another_tenant_is_unknown() -> None:
    from tests.tenants.factories import make_team

    response = caller(make_tenant()).post(KEYS, {"name": "app", "team_id": str(make_team().pk)})
    assert response.status_code == 400
    assert error_of(response)["param"] == "team_id"


def test_keys_are_found_by_their_state() -> None:
    key = make_key()
    client = caller(key.tenant)
    other = make_key(key.tenant)
    client.post(f"{KEYS}/{other.pk}/revoke", {})
    assert [row["id"] for row in client.get(KEYS, {"state": "active"}).json()["data"]] == [str(key.pk)]
    assert [row["id"] for row in client.get(KEYS, {"state": "revoked"}).json()["data"]] == [str(other.pk)]
