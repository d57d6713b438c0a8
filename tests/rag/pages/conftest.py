"""What tests of these pages share."""

from __future__ import annotations

import pytest

from rag.models import Collection
from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant
from tests.tenants.pages.visitors import as_member, body, developer, no_second_factor, operator

__all__ = ["as_member", "assert_accessible", "body", "browser", "developer", "no_second_factor", "open_as", "operator"]


@pytest.fixture
def acme(db: None) -> Tenant:
    """The tenant whose pages are looked at."""
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def handbook(acme: Tenant) -> Collection:
    """Four documents, one of them for the tag “hr” only."""
    collection = make_collection(acme, description="What every employee should know")
    index = make_index(collection)
    plant(
        collection,
        "Employees have thirty days of annual leave.",
        "Leave is asked for two weeks ahead.",
        external_id="leave.md",
        title="Leave",
        metadata={"year": 2026},
        index=index,
    )
    plant(
        collection, "Expenses are refunded within two weeks.", external_id="expenses.md", title="Expenses", index=index
    )
    plant(collection, "The office closes at six.", external_id="office.md", title="Office", index=index)
    plant(collection, "Salaries are paid on the 25th.", external_id="pay.md", title="Pay", tags=["hr"], index=index)
    return collection
