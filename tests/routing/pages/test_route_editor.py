"""The editor: one change is one audit entry, nothing is saved unseen or over another's change."""

from __future__ import annotations

import pytest
from django.test import Client

from routing.models import Route
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.routing.pages.route_rows import make_models, make_route, member, posted
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db
PREVIEW = {"HX-Request": "true", "X-Preview": "1"}


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def developer(client: Client, acme: Tenant) -> Client:
    client.force_login(member(acme, "developer"))
    return client


def entries() -> int:
    return AuditEntry.objects.filter(object_type__in=["route", "target"]).count()


def test_a_route_is_created_with_its_targets_in_one_entry(developer: Client, acme: Tenant) -> None:
    large, small = make_models("large", "small")

    answer = developer.post(
        "/t/acme/routes/new/",
        posted(None, {"model": large.pk}, {"model": small.pk, "priority": 1, "weight": 3}, match_tags="team: search"),
    )

    route = Route.objects.get(tenant=acme)
    assert answer.headers["Location"] == f"/t/acme/routes/{route.pk}/"
    assert route.match_tags == {"team": "search"}
    assert list(route.targets.order_by("priority").values_list("model__name", "weight")) == [("large", 1), ("small", 3)]
    entry = AuditEntry.objects.get(object_type__in=["route", "target"])
    assert (entry.action, entry.before) == ("created", {})
    assert [target["label"] for target in entry.after["targets"]] == ["upstream/large", "upstream/small"]


def test_a_route_is_told_to_keep_answers(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    sent = {"cache_mode": "exact", "cache_ttl_s": "60", "cache_hit_percent": "10"}
    large = route.targets.get(priority=0)

    developer.post(f"/t/acme/routes/{route.pk}/edit/", posted(route, {"model": large.model_id}, **sent))

    route.refresh_from_db()
    assert (route.cache_mode, route.cache_ttl_s, route.cache_hit_percent) == ("exact", 60, 10)
    assert route.cache_max_entries == 10_000
    body = developer.get(f"/t/acme/routes/{route.pk}/").content.decode()
    assert "Calls that ask exactly the same" in body


def test_a_hit_costs_no_more_than_the_answer_did(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    large = route.targets.get(priority=0)
    changed = posted(route, {"model": large.model_id}, cache_mode="exact", cache_hit_percent="101")

    answer = developer.post(f"/t/acme/routes/{route.pk}/edit/", changed)

    assert "less than or equal to 100" in answer.content.decode()
    route.refresh_from_db()
    assert route.cache_mode == "off"


def test_a_change_of_fields_and_targets_is_one_entry_and_keeps_the_targets_id(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    kept = route.targets.get(priority=0)
    other = make_models("other", provider="second")[0]
    before, version = entries(), Tenant.objects.get(pk=acme.pk).version

    developer.post(
        f"/t/acme/routes/{route.pk}/edit/",
        posted(route, {"model": kept.model_id, "weight": 5}, {"model": other.pk, "priority": 1}, strategy="weighted"),
    )

    assert entries() == before + 1
    entry = AuditEntry.objects.latest("id")
    assert set(entry.before) == set(entry.after) == {"strategy", "targets"}
    assert route.targets.get(model=kept.model_id).pk == kept.pk
    assert set(route.targets.values_list("model__name", flat=True)) == {"large", "other"}
    assert Tenant.objects.get(pk=acme.pk).version == version + 1


def test_saving_without_a_change_writes_nothing(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    rows = [{"model": target.model_id, "priority": target.priority} for target in route.targets.order_by("priority")]
    before = entries()

    developer.post(f"/t/acme/routes/{route.pk}/edit/", posted(route, *rows))

    assert entries() == before


def test_nobody_saves_over_a_change_that_they_have_not_seen(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    model = route.targets.get(priority=0).model_id
    seen = developer.get(f"/t/acme/routes/{route.pk}/edit/").context["seen"]
    developer.post(f"/t/acme/routes/{route.pk}/edit/", posted(route, {"model": model}, seen=seen))

    late = developer.post(
        f"/t/acme/routes/{route.pk}/edit/", posted(route, {"model": model}, name="renamed", seen=seen)
    )

    assert "Somebody changed this route since you opened it." in late.content.decode()
    assert 'value="renamed"' in late.content.decode()
    assert Route.objects.get(pk=route.pk).name == "chat"


def test_the_preview_says_what_changes_and_saves_nothing(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    large, small = (target.model_id for target in route.targets.order_by("priority"))
    before = entries()

    answer = developer.post(
        f"/t/acme/routes/{route.pk}/edit/",
        posted(route, {"model": large, "weight": 3}, {"model": small}, strategy="weighted"),
        headers=PREVIEW,
    )

    assert entries() == before
    assert [(row["label"], row["before"], row["after"]) for row in answer.context["shares"]] == [
        ("upstream/large", 1.0, 0.75),
        ("upstream/small", 0.0, 0.25),
    ]
    assert {line.what for line in answer.context["differences"]} == {
        "Strategy",
        "upstream/large, weight",
        "upstream/small, priority",
    }


def test_the_preview_names_the_fields_that_are_wrong(developer: Client, acme: Tenant) -> None:
    route = make_route(acme)
    model = route.targets.get(priority=0).model_id

    answer = developer.post(
        f"/t/acme/routes/{route.pk}/edit/",
        posted(route, {"model": model}, {"model": model, "weight": -1}, {"model": ""}, retry_cap_ms=1, name="a b"),
        headers=PREVIEW,
    )

    wrong = answer.context["problem_data"]
    assert wrong["targets-1-model"] == ["The route has this target already."]
    assert {"name", "targets-1-weight", "targets-2-model"} <= set(wrong)


@pytest.mark.parametrize(("field", "value"), [("name", "taken"), ("name", "not a name"), ("retry_max_attempts", "0")])
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    developer: Client, acme: Tenant, field: str, value: str
) -> None:
    models = make_models("large")
    make_route(acme, "taken", models)

    answer = developer.post("/t/acme/routes/new/", posted(None, {"model": models[0].pk}, **{field: value}))

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert f'value="{value}"' in answer.content.decode()
    assert Route.objects.filter(tenant=acme).count() == 1


def test_another_tenants_model_is_no_choice(developer: Client, acme: Tenant) -> None:
    foreign = make_models("secret-model", tenant=make_tenant())[0]

    assert "secret-model" not in developer.get("/t/acme/routes/new/").content.decode()
    answer = developer.post("/t/acme/routes/new/", posted(None, {"model": foreign.pk}))

    assert answer.status_code == 200
    assert not Route.objects.filter(tenant=acme).exists()


def test_without_script_rows_come_and_go_by_buttons(developer: Client, acme: Tenant) -> None:
    model = make_models("large")[0]

    more = developer.post("/t/acme/routes/new/", posted(None, {"model": model.pk}, add="1"))
    assert [form.prefix for form in more.context["rows"].forms] == ["targets-0", "targets-1"]

    less = developer.post("/t/acme/routes/new/", posted(None, {"model": model.pk}, {}, remove="targets-0"))
    assert [form.prefix for form in less.context["rows"].forms] == []
    assert not Route.objects.filter(tenant=acme).exists()
