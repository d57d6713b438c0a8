"""Deployments are marked on charts of signals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alerting.causes.deployments import record_deployment
from alerting.pages.charts import deployments
from tenants.models import Tenant
from tests.alerting.alert_rows import Minutes, make_rule
from tests.alerting.pages.conftest import as_member, body, developer
from tests.tenants.factories import make_tenant

__all__ = ["as_member", "developer"]

pytestmark = pytest.mark.django_db


def test_a_rules_chart_marks_what_its_owner_and_the_platform_deployed(
    acme: Tenant, minutes: Minutes, developer: Client
):
    rule = make_rule(acme)
    minutes.many(0, 20, errors=5)
    now = timezone.now()
    record_deployment(tenant=acme, service="checkout", version="4.2", deployed_at=now - timedelta(minutes=15))
    record_deployment(tenant=None, service="gateway", version="9", deployed_at=now - timedelta(minutes=12))
    record_deployment(tenant=make_tenant(slug="other"), service="theirs", version="1", deployed_at=now)
    record_deployment(tenant=acme, service="old", version="1", deployed_at=now - timedelta(days=3))

    page = body(developer.get(f"/t/acme/alerts/{rule.pk}/"))
    assert "checkout 4.2 deployed" in page
    assert "gateway 9 deployed" in page
    assert "theirs" not in page
    assert "old 1" not in page
    assert '"marks"' in page
    labels = [mark.label for mark in deployments(acme.pk, now - timedelta(hours=1), now)]
    assert labels == ["checkout 4.2 deployed", "gateway 9 deployed"]


def test_without_deployments_nothing_is_said(acme: Tenant, minutes: Minutes, developer: Client):
    rule = make_rule(acme)
    minutes.many(0, 20, errors=5)
    assert "chart-marks" not in body(developer.get(f"/t/acme/alerts/{rule.pk}/"))
