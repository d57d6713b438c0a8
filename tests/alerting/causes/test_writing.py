from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from alerting.causes import writing
from alerting.causes.explaining import explain
from alerting.causes.rows import IncidentCauses
from alerting.causes.writing import choose_writer, question, write_due
from alerting.incident_rows import Incident
from contracts.tenant_scope import across_tenants
from gateway import process
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.models import Tenant
from tests.alerting.causes.incident_calls import a_while_ago, calls_around, fails_at_openai, incident_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def answering(acme: Tenant) -> Iterator[Tenant]:
    process.stop()
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(name="small", targets=[TargetChoice(model=models["sandbox-small"])])
    yield acme
    process.stop()


def explained(tenant: Tenant) -> Incident:
    began = a_while_ago(12)
    calls_around(tenant, began, lambda chance, now, whose: fails_at_openai(chance, now, {**whose, "user": "ann-smith"}))
    incident = incident_of(tenant, began)
    explain(incident=incident)
    with across_tenants("a test moves it"):
        Incident.objects.filter(pk=incident.pk).update(opened_at=timezone.now() - timedelta(minutes=10))
    return incident


def row_of(tenant: Tenant) -> IncidentCauses:
    return IncidentCauses.objects.for_tenant(tenant).select_related("incident", "tenant").get()


def test_a_model_writes_what_the_table_comes_to_once(answering):
    choose_writer(tenant=answering, route="small", budget_nanousd=10**9)
    explained(answering)
    assert write_due() == 1
    row = row_of(answering)
    assert row.summary
    assert row.summary_model == "sandbox-small"
    assert row.summary_error == ""
    assert write_due() == 0


def test_without_a_writer_nobody_is_asked(answering):
    explained(answering)
    assert write_due() == 0
    assert row_of(answering).summary == ""


def test_the_prompt_has_the_table_and_no_end_user(answering):
    explained(answering)
    asked = question(row_of(answering))
    assert "provider openai" in asked
    assert "ann-smith" not in asked


def test_a_spent_budget_asks_nobody(answering):
    choose_writer(tenant=answering, route="small", budget_nanousd=100)
    explained(answering)
    with patch.object(writing, "_estimate", return_value=101), patch.object(writing, "_ask") as ask:
        assert write_due() == 0
    ask.assert_not_called()
    assert row_of(answering).summary_error == "The budget of this month is spent."


def test_a_worker_that_dies_while_the_model_writes_is_not_paid_for_twice(answering):
    choose_writer(tenant=answering, route="small", budget_nanousd=10**9)
    explained(answering)
    with patch.object(writing, "_ask", side_effect=SystemExit), pytest.raises(SystemExit):
        write_due()
    with patch.object(writing, "_ask") as ask:
        assert write_due() == 0
    ask.assert_not_called()


def test_a_route_that_is_not_there_is_said(answering):
    choose_writer(tenant=answering, route="nowhere", budget_nanousd=10**9)
    explained(answering)
    assert write_due() == 0
    row = row_of(answering)
    assert row.summary == ""
    assert row.summary_error != ""
    assert row.summary_nanousd == 0
