"""Amounts are exact in both forms, and one of them is enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.rest.money import UsdField
from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import caller, error_of


@given(st.integers(0, 2**53))
def test_an_amount_is_read_as_it_is_written(nano: int) -> None:
    field = UsdField()
    assert field.run_validation(field.to_representation(nano)) == nano


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
class TestBudgets:
    def post(self, **amount: Any) -> Any:
        return caller(make_tenant()).post("/api/v1/budgets", {"name": "monthly", "level": "tenant", **amount})

    @pytest.mark.parametrize(
        "amount",
        [
            {"limit_usd": "0.000000001"},
            {"limit_nanousd": 1},
            {"limit_usd": "0.000000001", "limit_nanousd": 1},
        ],
    )
    def test_either_form_will_do(self, amount: dict[str, Any]) -> None:
        made = self.post(**amount)
        assert made.status_code == 201
        assert (made.json()["limit_usd"], made.json()["limit_nanousd"]) == ("0.000000001", 1)

    @pytest.mark.parametrize(
        ("amount", "param"),
        [
            ({}, "limit_usd"),
            ({"limit_usd": "1", "limit_nanousd": 1}, "limit_usd"),
            ({"limit_usd": 1.5}, "limit_usd"),
            ({"limit_usd": "1.0000000001"}, "limit_usd"),
            ({"limit_usd": "-1"}, "limit_usd"),
            ({"limit_usd": "NaN"}, "limit_usd"),
            ({"limit_usd": "1e400"}, "limit_usd"),
            ({"limit_usd": None}, "limit_usd"),
            ({"limit_nanousd": -1}, "limit_nanousd"),
            ({"limit_nanousd": 2**70}, "limit_nanousd"),
        ],
    )
    def test_what_is_no_amount_is_refused(self, amount: dict[str, Any], param: str) -> None:
        response = self.post(**amount)
        assert response.status_code == 400
        assert error_of(response)["param"] == param

    def test_a_change_of_one_form_shows_in_both(self) -> None:
        client = caller(make_tenant())
        made = client.post("/api/v1/budgets", {"name": "m", "level": "tenant", "limit_usd": "1"}).json()
        changed = client.patch(f"/api/v1/budgets/{made['id']}", {"limit_nanousd": 2_500_000_000}).json()
        assert changed["limit_usd"] == "2.500000000"

    def test_what_is_spent_what_remains_and_when_it_begins_anew_can_be_read(self) -> None:
        tenant = make_tenant()
        made = caller(tenant).post(
            "/api/v1/budgets", {"name": "monthly", "level": "tenant", "limit_usd": "250", "window": "month"}
        )

        shown = caller(tenant).get(f"/api/v1/budgets/{made.json()['id']}/spending").json()

        assert (shown["spent_usd"], shown["remaining_nanousd"]) == ("0.000000000", 250 * 10**9)
        assert shown["resets_at"] > shown["began_at"]
        assert caller(make_tenant()).get(f"/api/v1/budgets/{made.json()['id']}/spending").status_code == 404
