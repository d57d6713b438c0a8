"""Questions in other words on the page of a route."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from routing.models import AnswerJudgement, Route, RouteConfidence
from tenants.changes import save_row
from tenants.models import Tenant
from tests.controlplane.pages.traffic import shadowed
from tests.routing.pages.route_rows import make_models, make_route, posted
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", name="Acme")


def moved(tenant: Tenant, route: Route) -> RouteConfidence:
    said = {"right": False, "confidence": 0.8, "similarity": 0.9, "actor": "ann"}
    AnswerJudgement.objects.create(tenant=tenant, route=route, correlation_id=f"req_{uuid4().hex}", **said)
    return save_row(RouteConfidence(tenant=tenant, route=route, confidence=0.867, right=12, wrong=1))


def test_shadow_shows_what_would_have_been_right_and_wrong(acme: Tenant, as_member) -> None:
    route = make_route(acme, cache_mode="shadow")
    shadowed(str(acme.pk), "chat", right=9, wrong=1, below=4)
    page = as_member(acme, "viewer").get(f"/t/acme/routes/{route.pk}/").content.decode()
    assert "Would have served" in page
    assert "10 <span" in page
    assert "4 more were not sure enough" in page


def test_the_page_shows_what_feedback_made_of_the_threshold_to_its_tenant_alone(acme: Tenant, as_member) -> None:
    route = make_route(None, cache_mode="semantic")
    moved(acme, route)
    other = make_tenant(slug="other")
    mine = as_member(acme, "developer").get(f"/t/acme/routes/{route.pk}/").content.decode()
    theirs = as_member(other, "developer").get(f"/t/other/routes/{route.pk}/").content.decode()
    assert "86.7" in mine
    assert "12 right, 1 wrong" in mine
    assert "moved by feedback" not in theirs


def test_setting_the_threshold_back_is_for_who_manages_routes(acme: Tenant, as_member) -> None:
    route = make_route(None, cache_mode="semantic")
    row = moved(acme, route)
    address = f"/t/acme/routes/{route.pk}/confidence/"
    assert as_member(acme, "viewer").post(address).status_code == 403
    as_member(make_tenant(slug="other"), "owner").post(f"/t/other/routes/{route.pk}/confidence/")
    assert RouteConfidence.objects.filter(tenant=acme, pk=row.pk).exists()
    as_member(acme, "developer").post(address)
    assert not RouteConfidence.objects.filter(tenant=acme, pk=row.pk).exists()


def test_the_platform_sees_for_how_many_tenants_it_moved(acme: Tenant, operator: Client) -> None:
    route = make_route(None, cache_mode="semantic")
    moved(acme, route)
    page = operator.get(f"/console/routes/{route.pk}/").content.decode()
    assert "for 1 tenant" in page


def test_routes_that_look_for_equal_calls_alone_show_none_of_it(acme: Tenant, as_member) -> None:
    route = make_route(acme, cache_mode="exact")
    assert "in other words" not in as_member(acme, "viewer").get(f"/t/acme/routes/{route.pk}/").content.decode()


def test_the_editor_takes_the_mode_and_the_confidence(acme: Tenant, as_member) -> None:
    route = make_route(acme, models=make_models("small"))
    client = as_member(acme, "developer")
    changes = {"cache_mode": "semantic", "cache_confidence_percent": "93"}
    [target] = route.targets.all()
    rows = [{"model": str(target.model_id), "priority": "0", "weight": "1", "enabled": "on"}]
    client.post(f"/t/acme/routes/{route.pk}/edit/", posted(route, *rows, **changes))
    route.refresh_from_db()
    assert (route.cache_mode, route.cache_confidence_percent) == ("semantic", 93)
    refused = client.post(
        f"/t/acme/routes/{route.pk}/edit/", posted(route, *rows, **{**changes, "cache_confidence_percent": "100"})
    )
    assert refused.status_code != 302
    route.refresh_from_db()
    assert route.cache_confidence_percent == 93
