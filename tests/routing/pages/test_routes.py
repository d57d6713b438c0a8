"""The pages of routes: who sees and changes which, what they say, what they cost."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from events.models import EventRecord, Run, RunState
from routing.models import Route
from routing.route_design import ROUTE_FIELDS, save_design, stored_design
from routing.services import TargetChoice, update_route
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.controlplane.pages.traffic import looked_up
from tests.gateway.pages.runs import kept_events
from tests.routing.pages.route_rows import make_models, make_route, member, posted
from tests.tenants.factories import make_operator, make_tenant

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def developer(client: Client, acme: Tenant) -> Client:
    client.force_login(member(acme, "developer"))
    return client


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_operator())
    return client


def make_run(route: Route, tenant: Tenant, number: int = 0, **fields) -> Run:
    values = {
        "correlation_id": f"req_{route.pk}_{number}",
        "tenant_id": str(tenant.pk),
        "trace_id": "",
        "state": RunState.COMPLETED,
        "started_at": timezone.now(),
        "route": route.name,
        "provider": "upstream",
        "model": "large",
        "duration_ms": 100.0,
        **fields,
    }
    return Run.objects.create(**values)


def test_a_tenant_sees_its_own_routes_and_the_shared_ones_but_no_others(developer: Client, acme: Tenant) -> None:
    models = make_models("large")
    make_route(acme, "own-route", models)
    make_route(None, "shared-route", models)
    make_route(make_tenant(), "foreign-route", models)

    body = developer.get("/t/acme/routes/").content.decode()

    assert "own-route" in body
    assert "shared-route" in body
    assert "foreign-route" not in body


@pytest.mark.parametrize("page", ["", "edit/", "copy/", "delete/"])
def test_another_tenants_route_is_not_there(developer: Client, page: str) -> None:
    foreign = make_route(make_tenant())

    assert developer.get(f"/t/acme/routes/{foreign.pk}/{page}").status_code == 404


@pytest.mark.parametrize("page", ["edit/", "delete/"])
def test_a_shared_route_is_not_changed_in_a_tenant(developer: Client, page: str) -> None:
    shared = make_route()

    assert developer.get(f"/t/acme/routes/{shared.pk}/").status_code == 200
    assert developer.get(f"/t/acme/routes/{shared.pk}/{page}").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "billing"])
def test_who_may_not_manage_routes_sees_them_without_controls(client: Client, acme: Tenant, role: str) -> None:
    route = make_route(acme)
    client.force_login(member(acme, role))

    body = client.get(f"/t/acme/routes/{route.pk}/").content.decode()

    assert "Edit</a>" not in body
    for page in ("edit/", "copy/", "delete/"):
        assert client.get(f"/t/acme/routes/{route.pk}/{page}").status_code == 403
    assert client.post(f"/t/acme/routes/{route.pk}/switch/").status_code == 403
    assert client.post(f"/t/acme/routes/{route.pk}/clear-cache/").status_code == 403
    assert client.get("/t/acme/routes/new/").status_code == 403


def test_the_page_shows_where_calls_went_against_the_plan(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    for number in range(3):
        make_run(route, acme, number)
    make_run(route, acme, 3, model="small", state=RunState.FAILED)
    make_run(route, make_tenant(), 4)

    answer = developer.get(f"/t/acme/routes/{route.pk}/", headers={"HX-Request": "true", "HX-Target": "route-live"})

    body = answer.content.decode()
    assert "<html" not in body
    split = answer.context["split"]
    assert split.calls == 4
    assert split.failed == 1
    assert [(row.label, row.share, row.part.share) for row in split.rows] == [
        ("upstream/large", 0.75, 1.0),
        ("upstream/small", 0.25, 0.0),
    ]


def test_a_shared_routes_traffic_leaves_out_tenants_with_their_own(operator: Client, acme: Tenant) -> None:
    models = make_models("large")
    shared, own = make_route(None, "chat", models), make_route(acme, "chat", models)
    make_run(own, acme, 1)
    make_run(shared, make_tenant(), 2)

    for route in (shared, own):
        assert operator.get(f"/console/routes/{route.pk}/").context["split"].calls == 1
    rows = {row.pk: row.traffic.calls for row in operator.get("/console/routes/").context["table"].page.rows}
    assert rows == {shared.pk: 1, own.pk: 1}


def test_the_list_needs_as_many_queries_for_many_routes_as_for_one(
    operator: Client, django_assert_max_num_queries
) -> None:
    models = make_models("large", "small")
    for number in range(20):
        make_route(make_tenant(), f"route-{number}", models)
    operator.get("/console/routes/")

    with django_assert_max_num_queries(14):
        operator.get("/console/routes/")


def test_the_page_and_the_editor_need_few_queries(operator: Client, django_assert_max_num_queries) -> None:
    route = make_route(None, "chat", make_models(*(f"model-{number}" for number in range(12))))
    operator.get(f"/console/routes/{route.pk}/")

    with django_assert_max_num_queries(16):
        operator.get(f"/console/routes/{route.pk}/")
    with django_assert_max_num_queries(14):
        operator.get(f"/console/routes/{route.pk}/edit/")


def test_routes_are_found_by_their_models_and_states(operator: Client) -> None:
    models = make_models("gpt-large", "tiny")
    make_route(None, "one", [models[0]])
    make_route(None, "two", [models[1]], enabled=False)

    def names(query: str) -> list[str]:
        return [row.name for row in operator.get(f"/console/routes/?{query}").context["table"].page.rows]

    assert names("q=gpt") == ["one"]
    assert names("state=off") == ["two"]
    assert names("owner=tenant") == []


def test_a_route_is_switched_off_and_on(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)

    developer.post(f"/t/acme/routes/{route.pk}/switch/")
    route.refresh_from_db()
    assert not route.enabled

    developer.post(f"/t/acme/routes/{route.pk}/switch/", {"on": "1"})
    route.refresh_from_db()
    assert route.enabled


def test_a_routes_kept_answers_are_forgotten_and_the_audit_log_says_so(developer: Client, acme: Tenant) -> None:
    route = make_route(acme, cache_mode="exact")
    assert "Clear the cache" in developer.get(f"/t/acme/routes/{route.pk}/").content.decode()

    developer.post(f"/t/acme/routes/{route.pk}/clear-cache/")

    route.refresh_from_db()
    assert route.cache_generation == 1
    entry = AuditEntry.objects.filter(object_type="route", object_id=str(route.pk)).latest("id")
    assert (entry.before, entry.after) == ({"cache_generation": 0}, {"cache_generation": 1})


def test_nobody_clears_the_cache_of_a_shared_or_foreign_route(developer: Client, acme: Tenant) -> None:
    foreign = make_route(make_tenant(), models=[], cache_mode="exact")
    for route in (make_route(None, "chat", cache_mode="exact"), foreign):
        assert developer.post(f"/t/acme/routes/{route.pk}/clear-cache/").status_code == 404
        route.refresh_from_db()
        assert route.cache_generation == 0


def test_a_shared_route_is_copied_into_the_tenant(developer: Client, acme: Tenant) -> None:
    shared = make_route(None, "chat", is_default=True)

    assert 'value="chat"' in developer.get(f"/t/acme/routes/{shared.pk}/copy/").content.decode()
    developer.post(f"/t/acme/routes/{shared.pk}/copy/", {"name": "chat"})

    copy = Route.objects.get(tenant=acme)
    assert (copy.name, copy.enabled, copy.is_default) == ("chat", False, False)
    assert [str(target.model) for target in copy.targets.order_by("priority")] == ["upstream/large", "upstream/small"]


def test_a_route_is_deleted_once_its_name_is_typed(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)

    refused = developer.post(f"/t/acme/routes/{route.pk}/delete/", {"name": "other"})
    assert "Type “chat” to delete it." in refused.content.decode()
    developer.post(f"/t/acme/routes/{route.pk}/delete/", {"name": "chat"})

    assert not Route.objects.filter(pk=route.pk).exists()


def test_the_history_is_for_who_may_see_the_audit_log(client: Client, acme: Tenant) -> None:
    route = make_route(acme)
    client.force_login(member(acme, "viewer"))
    assert "tab=history" not in client.get(f"/t/acme/routes/{route.pk}/").content.decode()
    assert "Created by" not in client.get(f"/t/acme/routes/{route.pk}/?tab=history").content.decode()

    client.force_login(member(acme, "admin"))
    assert "Created by" in client.get(f"/t/acme/routes/{route.pk}/?tab=history").content.decode()


def test_a_restored_version_is_shown_before_it_is_saved(client: Client, acme: Tenant) -> None:
    client.force_login(member(acme, "owner"))
    route = make_route(acme)
    large, small = (target.model for target in route.targets.order_by("priority"))
    entry = AuditEntry.objects.filter(object_type="target").latest("id")
    client.post(f"/t/acme/routes/{route.pk}/edit/", posted(route, {"model": small.pk}, strategy="weighted"))
    assert route.targets.count() == 1

    page = client.get(f"/t/acme/routes/{route.pk}/edit/?version={entry.pk}")
    shown = [form["model"].value() for form in page.context["rows"].forms]
    assert shown == [str(large.pk), str(small.pk)]
    assert page.context["chosen_strategy"] == "priority"
    assert client.get(f"/t/acme/routes/{route.pk}/edit/?version=1").status_code == 404


def test_members_see_when_circuits_of_their_routes_moved_and_of_no_others(
    developer: Client, acme: Tenant, kept_events: None
) -> None:
    own, other = make_route(acme), make_route(make_tenant(), "chat", make_models("secret", provider="theirs"))
    for route, name in ((own, "upstream/large"), (other, "theirs/secret")):
        moved = {"target_id": str(route.targets.order_by("priority")[0].pk), "target": name}
        EventRecord.objects.create(
            event_id=uuid4(), occurred_at=timezone.now(), event_type="breaker.state.changed", layer=3, env="test",
            schema_version=1, service_name="t", tenant_id="", trace_id="", span_id="", correlation_id="",
            payload={**moved, "old_state": "closed", "new_state": "open", "reason": "peer"},
        )  # fmt: skip

    body = developer.get(f"/t/acme/routes/{own.pk}/").content.decode()

    assert "When circuits moved" in body
    assert body.count("opened: ") == 1
    assert "theirs/secret" not in body


def test_a_route_tells_how_often_its_kept_answers_served_and_what_that_saved(developer: Client, acme: Tenant) -> None:
    route, other = make_route(acme), make_tenant()
    looked_up(str(acme.pk), route.name, hits=3, missed=1, saved=2_000_000_000)
    looked_up(str(acme.pk), "another", hits=50, saved=1)
    looked_up(str(other.pk), route.name, hits=70, saved=1)

    page = developer.get(f"/t/acme/routes/{route.pk}/")
    part = developer.get(
        f"/t/acme/routes/{route.pk}/?kept=7d", headers={"hx-request": "true", "hx-target": "route-kept"}
    )

    assert page.context["kept"]["figures"].hits == 3
    assert "75%" in page.content.decode()
    assert part.content.decode().startswith('<div id="route-kept"')
    assert "in the last 7 days" in part.content.decode()
    assert ("$6.00" in part.content.decode()) is page.context["may_see_costs"]


def test_a_route_that_keeps_no_answers_has_no_figures_of_them(developer: Client, acme: Tenant) -> None:
    page = developer.get(f"/t/acme/routes/{make_route(acme).pk}/").content.decode()
    assert "Answers from the cache" not in page


def two_versions(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> tuple[Route, AuditEntry]:
    """A route that was changed, and the audit entry of what it was before."""
    monkeypatch.setattr("routing.route_history._TOGETHER", timedelta(seconds=-1))
    route = make_route(acme)
    entry = AuditEntry.objects.filter(object_type="target").latest("id")
    design = stored_design(route)
    small = route.targets.get(priority=1).model
    fields = {name: design[name] for name in ROUTE_FIELDS} | {"strategy": "weighted"}
    save_design(route=route, fields=fields, targets=[TargetChoice(model=small)])
    return route, entry


def test_a_version_is_put_back_with_one_click_after_a_question(client: Client, acme: Tenant, monkeypatch) -> None:
    client.force_login(member(acme, "owner"))
    route, entry = two_versions(acme, monkeypatch)
    page = client.get(f"/t/acme/routes/{route.pk}/?tab=history")
    body = page.content.decode()
    assert f'name="version" value="{entry.pk}"' in body
    assert 'data-confirm-title="Put this version of “chat” back?"' in body

    sent = {"version": entry.pk, "seen": page.context["seen"]}
    answer = client.post(f"/t/acme/routes/{route.pk}/put-back/", sent, follow=True)

    assert "“chat” serves calls as of" in answer.content.decode()
    route.refresh_from_db()
    assert (route.strategy, route.targets.count()) == ("priority", 2)
    again = client.post(f"/t/acme/routes/{route.pk}/put-back/", {"version": entry.pk}, follow=True)
    assert "already" in again.content.decode()


def test_a_version_is_not_put_back_over_what_somebody_changed_meanwhile(client, acme: Tenant, monkeypatch) -> None:
    client.force_login(member(acme, "owner"))
    route, entry = two_versions(acme, monkeypatch)
    seen = client.get(f"/t/acme/routes/{route.pk}/?tab=history").context["seen"]
    update_route(route=route, hedge=True)

    sent = {"version": entry.pk, "seen": seen}
    answer = client.post(f"/t/acme/routes/{route.pk}/put-back/", sent, follow=True)

    assert "Somebody changed this route since you opened it." in answer.content.decode()
    assert route.targets.count() == 1
    assert client.post(f"/t/acme/routes/{route.pk}/put-back/", {"version": "1"}).status_code == 404


def test_only_who_may_change_routes_puts_versions_back(client: Client, acme: Tenant, monkeypatch) -> None:
    route, entry = two_versions(acme, monkeypatch)
    client.force_login(member(acme, "viewer"))

    assert client.post(f"/t/acme/routes/{route.pk}/put-back/", {"version": entry.pk}).status_code == 403
    assert route.targets.count() == 1
