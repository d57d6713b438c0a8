"""Actions and anomalies in a browser: the form shows what its kind needs, and an undo asks first."""

from __future__ import annotations

import os

import pytest

from tests.alerting.action_rows import fire, look, make_action, make_route, runs_of, target_of
from tests.alerting.alert_rows import Minutes, make_rule
from tests.alerting.history import history
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_operator

pytestmark = [*browser_test, pytest.mark.usefixtures("redis_client")]


def test_an_undo_asks_first(open_as, assert_accessible, acme):
    route = make_route(acme, "large", "small")
    rule = make_rule(acme)
    make_action(acme, name="Spare the large model", target=target_of(route, "large"), rule=rule)
    make_action(acme, name="Later", target=target_of(route, "small"), dry_run=True, after_minutes=30)
    fire(acme, rule=rule)
    look()
    (run,) = runs_of(acme)
    page = open_as(make_operator(), f"/t/acme/incidents/{run.incident_id}/", width=390, theme="dark")
    assert_accessible(page)
    shoot(page, "incident-action")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    page.get_by_text("is undone.").wait_for()

    assert target_of(route, "large").enabled
    for name, path in (("actions", ""), ("action", f"{run.action_id}/"), ("action-form", f"{run.action_id}/edit/")):
        page.goto(f"/t/acme/alerts/actions/{path}")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shoot(page, name)


def test_the_form_shows_what_its_kind_needs(open_as, assert_accessible, acme):
    make_route(acme, "large", "small")
    page = open_as(make_operator(), "/t/acme/alerts/actions/new/")
    assert page.get_by_label("Target", exact=True).is_visible()
    assert not page.get_by_label("Served by").is_visible()
    page.get_by_text("Switch a route to degraded mode").click()
    page.get_by_label("Served by").wait_for()
    assert not page.get_by_label("Target", exact=True).is_visible()

    assert_accessible(page)
    shoot(page, "action-new")


def test_an_anomaly_rule_shows_what_is_usual_while_it_is_written(open_as, assert_accessible, acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * 1440)
    minutes.many(0, 10)
    minutes.many(10, 20, errors=20)
    minutes.many(20, 29)
    page = open_as(make_operator(), "/t/acme/alerts/")
    page.get_by_role("button", name="recommended rules").wait_for()
    assert_accessible(page)
    shoot(page, "recommended")
    page.goto("/t/acme/alerts/new/")
    page.get_by_text("A figure is not what it usually is at this time").click()
    page.get_by_label("Name").fill("Unusual errors")
    page.get_by_label("Over the last minutes").fill("1")
    page.get_by_text("It would have fired").wait_for()
    page.get_by_text("Usual, up to").first.wait_for()

    assert page.get_by_label("Sensitivity").is_visible()
    assert not page.get_by_label("Limit", exact=True).is_visible()
    assert_accessible(page)
    shoot(page, "anomaly-form")


def shoot(page, name: str) -> None:
    """For whoever wants to look."""
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}.png", full_page=True)
