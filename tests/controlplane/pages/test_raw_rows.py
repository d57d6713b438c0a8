"""Console and admin link to each other, for every model of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse

from console.raw_rows import RowPage
from controlplane.raw_rows import PAGES
from guardrails.services import create_policy, publish
from rag.services import create_collection, put_document
from routing.catalogue import SANDBOX, register
from routing.models import ModelPrice
from routing.services import TargetChoice, create_route
from tenants import services
from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.models import Budget, Tenant
from tenants.service_keys import create_service_key
from tests.gateway.pages.runs import make_run
from tests.guardrails.policy_rows import words_rule
from tests.tenants.factories import make_key
from tests.tenants.pages.people import body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db


def _price(tenant: Tenant) -> Model:
    return save_row(ModelPrice(model=register(SANDBOX).models.first(), tenant=tenant, input=1, output=1))


def _route(tenant: Tenant) -> Any:
    model = register(SANDBOX).models.get(name="sandbox-small")
    return create_route(tenant=tenant, name="support", targets=[TargetChoice(model=model)])


MADE: dict[str, Callable[[Tenant], Any]] = {
    "tenants.tenant": lambda tenant: tenant,
    "tenants.apikey": make_key,
    "tenants.servicekey": lambda tenant: create_service_key(name="robot", tenant=tenant, scopes=("manage",))[0],
    "tenants.budget": lambda tenant: save_row(
        Budget(tenant=tenant, name="All", level="tenant", window="month", limit_nanousd=10**9)
    ),
    "tenants.ratelimit": lambda tenant: services.set_rate_limit(
        tenant=tenant, level="tenant", metric="requests", value=9
    ),
    "tenants.auditentry": lambda tenant: AuditEntry.objects.filter(tenant_ref=str(tenant.pk)).first(),
    "routing.provider": lambda _tenant: register(SANDBOX),
    "routing.model": lambda _tenant: register(SANDBOX).models.first(),
    "routing.modelprice": _price,
    "routing.route": _route,
    "routing.target": lambda tenant: _route(tenant).targets.first(),
    "events.run": make_run,
    "guardrails.policy": lambda tenant: create_policy(name="Standard", tenant=tenant),
    "guardrails.policyversion": lambda tenant: publish(
        policy=create_policy(name="Standard", tenant=tenant, rules=[words_rule()])
    ),
    "rag.collection": lambda tenant: create_collection(tenant=tenant, name="handbook"),
    "rag.embeddingindex": lambda tenant: create_collection(tenant=tenant, name="handbook").indexes.first(),
    "rag.document": lambda tenant: put_document(
        collection=create_collection(tenant=tenant, name="handbook"),
        external_id="leave",
        content=b"Thirty days.",
        media_type="text/plain",
    ),
}

PARTS = {"routing.target", "guardrails.policyversion", "rag.embeddingindex"}
"""On the page of what they are a part of, which links to the row of that."""


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


def _addresses(page: RowPage, row: Any) -> tuple[str, str]:
    raw = reverse(f"admin:{page.model.replace('.', '_')}_change", args=[quote(row.pk)])
    return page.url(row), raw


def test_the_table_names_models_and_each_of_them_once():
    assert {apps.get_model(page.model)._meta.label_lower for page in PAGES} == set(MADE)
    assert len(PAGES) == len(MADE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.model)
def test_a_row_and_its_page_link_to_each_other(page, kept_runs):
    row = MADE[page.model](kept_runs)
    shown, raw = _addresses(page, row)
    browser = operator_client()
    admin_page = body_of(browser.get(raw))
    assert f'href="{shown}"' in admin_page
    assert "Open in the console" in admin_page
    if page.model not in PARTS:
        assert f'href="{raw}"' in body_of(browser.get(shown))


def test_a_member_sees_no_way_into_the_admin(kept_runs):
    key = make_key(kept_runs)
    body = body_of(client_of(member(kept_runs)).get(f"/t/{kept_runs.slug}/keys/{key.pk}/"))
    assert "Raw row" not in body


@pytest.fixture
def kept_runs() -> Tenant:
    return services.create_tenant(slug="acme", name="Acme")
