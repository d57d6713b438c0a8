"""Pages neither repeat nor skip rows, whatever the order and whatever happens in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from tenants.models import Team
from tenants.rest.pagination import Position, decoded, encoded
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.rest.callers import caller, error_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT, TEXT)
def test_a_cursor_is_read_as_it_was_written(ordering: str, value: str, key: str) -> None:
    assert decoded(encoded(Position(ordering, value, key))) == Position(ordering, value, key)


@given(st.text())
def test_anything_else_is_refused_as_a_cursor(text: str) -> None:
    try:
        decoded(text)
    except ValidationError:
        return
    assert encoded(decoded(text)) == text.rstrip("=")


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
class TestLists:
    @pytest.mark.parametrize("ordering", ["name", "-name", "created_at", "-created_at"])
    def test_rows_of_equal_value_keep_their_places(self, ordering: str) -> None:
        tenant = make_tenant()
        for name in "aabbb":
            make_key(tenant, name=name)
        client, found = caller(tenant), []
        parameters: dict[str, Any] = {"limit": 2, "ordering": ordering}
        while True:
            page = client.get("/api/v1/keys", parameters).json()
            found += page["data"]
            if not page["has_more"]:
                break
            parameters["cursor"] = page["next_cursor"]
        assert len({row["id"] for row in found}) == len(found) == 5
        values = [row[ordering.removeprefix("-")] for row in found]
        assert values == sorted(values, reverse=ordering.startswith("-"))

    def test_rows_that_come_and_go_hide_none(self) -> None:
        tenant = make_tenant()
        teams = [make_team(tenant, name=name) for name in "bdfh"]
        client = caller(tenant)
        parameters: dict[str, Any] = {"limit": 2, "ordering": "name"}
        first = client.get("/api/v1/teams", parameters).json()
        assert [row["name"] for row in first["data"]] == ["b", "d"]
        Team.objects.for_tenant(tenant).filter(pk__in=[teams[0].pk, teams[1].pk]).delete()
        make_team(tenant, name="a")
        rest = client.get("/api/v1/teams", {**parameters, "cursor": first["next_cursor"]}).json()
        assert [row["name"] for row in rest["data"]] == ["f", "h"]

    def test_a_cursor_belongs_to_its_ordering(self) -> None:
        tenant = make_tenant()
        make_team(tenant), make_team(tenant)
        client = caller(tenant)
        by_name: dict[str, Any] = {"limit": 1, "ordering": "name"}
        cursor = client.get("/api/v1/teams", by_name).json()["next_cursor"]
        response = client.get("/api/v1/teams", {"limit": 1, "cursor": cursor})
        assert response.status_code == 400
        assert error_of(response)["param"] == "cursor"

    def test_a_cursor_of_another_tenant_shows_nothing_of_it(self) -> None:
        theirs, mine = make_tenant(), make_tenant()
        make_team(theirs), make_team(theirs), make_team(mine)
        cursor = caller(theirs).get("/api/v1/teams", {"limit": 1}).json()["next_cursor"]
        seen = caller(mine).get("/api/v1/teams", {"cursor": cursor}).json()["data"]
        assert {row["tenant_id"] for row in seen} <= {str(mine.pk)}

    def test_the_link_leads_to_the_next_page(self) -> None:
        tenant = make_tenant()
        make_team(tenant), make_team(tenant)
        client = caller(tenant)
        by_name: dict[str, Any] = {"limit": 1, "ordering": "name"}
        first = client.get("/api/v1/teams", by_name)
        address = first.headers["link"].split(">")[0].removeprefix("<")
        second = client.get(address)
        assert second.json()["has_more"] is False
        assert second.json()["data"][0]["id"] != first.json()["data"][0]["id"]

    def test_search_looks_in_every_text_in_any_case(self) -> None:
        tenant = make_tenant()
        make_team(tenant, name="Search Platform"), make_team(tenant, name="Checkout")
        found = caller(tenant).get("/api/v1/teams", {"search": "platform SEARCH"}).json()["data"]
        assert [row["name"] for row in found] == ["Search Platform"]

    @pytest.mark.parametrize("search", ["x" * 201, "a\x00b"])
    def test_what_cannot_be_searched_for_is_refused(self, search: str) -> None:
        assert caller(make_tenant()).get("/api/v1/teams", {"search": search}).status_code == 400

    def test_an_instant_may_have_any_offset(self) -> None:
        response = caller(make_tenant()).get("/api/v1/teams", {"created_after": "0213-09-08T22:53:25-23:19"})
        assert response.status_code == 200

    def test_a_switch_is_true_or_false_and_nothing_else(self) -> None:
        client = caller(make_tenant())
        assert client.get("/api/v1/budgets", {"enabled": "true"}).status_code == 200
        response = client.get("/api/v1/budgets", {"enabled": "AAA"})
        assert response.status_code == 400
        assert error_of(response)["param"] == "enabled"
