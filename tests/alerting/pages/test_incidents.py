"""Pages of incidents."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerting import incidents, services
from alerting.incident_rows import Incident, IncidentEntry
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule
from tests.alerting.pages.conftest import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(acme, minutes: Minutes) -> Incident:
    make_rule(acme, description="Look at the provider's status page.")
    minutes.many(0, 29, errors=25)
    minutes.check(28)
    return incidents_of(acme)[0]


def do(client, incident: Incident, **sent):
    return client.post(f"/t/acme/incidents/{incident.pk}/do/", sent)


def test_the_list_says_how_many_wait(developer, incident):
    page = body(developer.get("/t/acme/incidents/"))

    assert "1 open." in page
    assert f"/t/acme/incidents/{incident.pk}/" in page


def test_the_page_has_the_signal_what_to_do_and_what_happened(developer, incident):
    page = body(developer.get(f"/t/acme/incidents/{incident.pk}/"))

    assert "Error rate is 50% over 2 minutes, above 10%: all calls." in page
    assert "Look at the provider&#x27;s status page." in page
    assert "Threshold" in page
    assert "Opened" in page


def test_somebody_acknowledges_assigns_notes_and_resolves_it(developer, incident):
    do(developer, incident, do="acknowledge")
    person = incident.tenant.memberships.get(role="developer").user
    do(developer, incident, do="assign", owner=str(person.pk))
    do(developer, incident, do="severity", severity="info")
    do(developer, incident, do="note", text="Their <b>EU</b> region is down.")
    do(developer, incident, do="resolve")

    incident.refresh_from_db()
    assert (incident.state, incident.acknowledged_by, incident.resolved_by) == (
        "resolved",
        "developer.person",
        "developer.person",
    )
    kinds = [one.kind for one in IncidentEntry.objects.filter(tenant=incident.tenant_id, incident=incident)]
    assert kinds == ["opened", "acknowledged", "assigned", "severity", "note", "resolved"]
    page = body(developer.get(f"/t/acme/incidents/{incident.pk}/"))
    assert "Their &lt;b&gt;EU&lt;/b&gt; region is down." in page


def test_a_second_acknowledgement_is_refused_in_words(developer, incident):
    do(developer, incident, do="acknowledge")
    answer = developer.post(f"/t/acme/incidents/{incident.pk}/do/", {"do": "acknowledge"}, follow=True)

    assert "It is acknowledged already." in answer.content.decode()


def test_viewers_see_it_and_change_nothing(as_member, incident):
    viewer = as_member("viewer")

    page = body(viewer.get(f"/t/acme/incidents/{incident.pk}/"))
    assert "Acknowledge</button>" not in page
    assert do(viewer, incident, do="acknowledge").status_code == 403


def test_the_post_mortem_is_a_markdown_file(developer, incident):
    incidents.add_note(incident=incident, text="A | in a note")
    answer = developer.get(f"/t/acme/incidents/{incident.pk}/post-mortem/")
    text = answer.content.decode()

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert text.startswith("# Errors\n")
    assert "| Errors | all calls |" in text
    assert "A \\| in a note" in text
    assert "## What we do about it" in text


def test_operators_see_those_of_all_tenants_and_the_platforms(operator, incident, minutes: Minutes):
    make_rule(None, name="Everywhere")
    minutes.check(29)
    page = body(operator.get("/console/incidents/"))

    assert "Acme" in page
    assert "Everywhere" in page
    assert body(operator.get(f"/console/incidents/{incidents_of(None)[0].pk}/"))


def test_the_overview_shows_open_incidents(developer, incident):
    assert f"/t/acme/incidents/{incident.pk}/" in body(developer.get("/t/acme/"))


def test_who_is_not_to_be_told_is_not(developer, acme, minutes: Minutes):
    make_rule(acme)
    answer = developer.post("/t/acme/alerts/silences/new/", {"reason": "Maintenance", "hours": "4"})
    assert answer.status_code == 302
    minutes.many(0, 20, errors=25)
    minutes.check(20)

    (incident,) = incidents_of(acme)
    assert incident.silenced
    assert "Nobody is told: Maintenance." in body(developer.get(f"/t/acme/incidents/{incident.pk}/"))
    assert "Maintenance" in body(developer.get("/t/acme/alerts/silences/"))


def test_a_silence_is_ended_before_its_time(developer, acme):

    silence = services.create_silence(tenant=acme, reason="Move", ends_at=timezone.now() + timedelta(hours=1))
    developer.post(f"/t/acme/alerts/silences/{silence.pk}/end/")

    silence.refresh_from_db()
    assert silence.ends_at <= timezone.now()
