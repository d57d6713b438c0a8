"""Pages of live evaluation."""

from __future__ import annotations

import pytest
from django.test import Client

from evaluation.live.taking import note_losses
from evaluation.models import LiveEvaluation, LiveScore
from routing.services import create_route
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import make_live, plant_score
from tests.evaluation.pages.conftest import body

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/live-evaluation/"


def only(tenant: Tenant) -> LiveEvaluation:
    found: LiveEvaluation = LiveEvaluation.objects.for_tenant(tenant).get()
    return found


def sent(*evaluators: object, **fields: object) -> dict[str, object]:
    given = {"name": "Answers", "enabled": "on", "percent": "10", "min_per_hour": "5", "max_per_hour": "500"}
    more = {"deep_percent": "20", "judge_budget_nanousd": "0.5", "tags": "app=shop\n"}
    more |= {"prompts_per_minute": "12"}
    return {"modes": ["direct"], **given, **more, "evaluators": [str(one) for one in evaluators], **fields}


def test_one_is_created_from_the_form_which_keeps_what_was_typed(developer: Client, acme: Tenant):
    assert "No live evaluation yet" in body(developer.get(PAGE))
    assert "There is no evaluator yet" in body(developer.get(f"{PAGE}new/"))
    polite = make_evaluator(acme, "toxicity", "Polite")
    make_evaluator(acme, "exact", "Exactly")
    create_route(tenant=acme, name="chat", targets=[])
    form = body(developer.get(f"{PAGE}new/"))
    assert "Polite" in form
    assert "Exactly" not in form

    wrong = body(developer.post(f"{PAGE}new/", sent(polite.pk, min_per_hour="900", name="Kept name")))
    assert "The least an hour cannot be above the most." in wrong
    assert "Kept name" in wrong

    answer = developer.post(f"{PAGE}new/", sent(polite.pk))
    row = only(acme)
    assert answer.headers["Location"] == f"{PAGE}{row.pk}/"
    assert (row.rate, row.deep_rate, row.judge_budget_nanousd, row.tags) == (0.1, 0.2, 500_000_000, {"app": "shop"})
    assert (row.modes, row.prompts_per_minute) == (["direct"], 12)
    page = body(developer.get(f"{PAGE}{row.pk}/"))
    assert "asked for as direct" in page
    assert "Up to 12 prompts a minute are added up." in page
    assert "Answers" in body(developer.get(PAGE))


def test_one_is_changed_switched_off_and_deleted(developer: Client, acme: Tenant):
    row = make_live(acme, rate=0.25, tags={"app": "shop"})
    shown = body(developer.get(f"{PAGE}{row.pk}/edit/"))
    assert 'value="25.0"' in shown
    assert "app=shop" in shown
    developer.post(f"{PAGE}{row.pk}/edit/", sent(row.asked.get().evaluator_id, name="Renamed", percent="50", tags=""))
    developer.post(f"{PAGE}{row.pk}/switch/")
    row = only(acme)
    assert (row.name, row.rate, row.tags, row.enabled) == ("Renamed", 0.5, {}, False)
    assert "Switched off" in body(developer.get(f"{PAGE}{row.pk}/"))

    developer.post(f"{PAGE}{row.pk}/delete/", {"name": "Renamed", "typed": "Renamed", "confirmation": "Renamed"})
    assert not LiveEvaluation.objects.for_tenant(acme).exists()


def test_its_page_has_the_lowest_scores_first_with_texts_for_who_may_read_them(as_member, acme: Tenant):
    row = make_live(acme)
    plant_score(row, 1.0, run_id="req_good", question="a good question")
    plant_score(row, 0.0, run_id="req_bad", question="a bad question")
    note_losses(acme.pk, {"full": 7})

    shown = body(as_member("developer").get(f"{PAGE}{row.pk}/"))
    assert shown.index("req_bad") < shown.index("req_good")
    assert "/t/acme/requests/req_bad/" in shown
    assert "a bad question" in shown
    assert "7: the queue was full" in shown
    assert "Mean score" in shown
    filtered = body(as_member("developer").get(f"{PAGE}{row.pk}/?period=7d&route=other"))
    assert "req_bad" not in filtered

    viewer = body(as_member("viewer").get(f"{PAGE}{row.pk}/"))
    assert "req_bad" in viewer
    assert "a bad question" not in viewer


def test_a_viewer_changes_nothing(as_member, acme: Tenant):
    row = make_live(acme)
    viewer = as_member("viewer")
    for page in ("edit/", "delete/"):
        assert viewer.get(f"{PAGE}{row.pk}/{page}").status_code == 403
    assert viewer.post(f"{PAGE}{row.pk}/switch/").status_code == 403
    assert viewer.get(f"{PAGE}new/").status_code == 403


def test_scores_without_a_value_do_not_count(developer: Client, acme: Tenant):
    row = make_live(acme)
    plant_score(row, None)
    assert LiveScore.objects.for_tenant(acme).count() == 1
    assert "No scores in this time" in body(developer.get(f"{PAGE}{row.pk}/"))
