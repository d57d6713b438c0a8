from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone

from alerting import incidents
from alerting.causes.deployments import record_deployment
from alerting.causes.evidence import evidence_of
from alerting.causes.explaining import evidence_about, explain, explain_due
from alerting.causes.rows import IncidentCauses
from alerting.causes.selecting import causes_of
from alerting.causes.table import conclusion
from alerting.incident_rows import Incident
from alerting.post_mortem import post_mortem
from contracts.events import CauseFound
from contracts.tenant_scope import across_tenants
from tenants.emitting import set_emitter
from tests.alerting.causes.incident_calls import (
    a_while_ago,
    answered,
    calls_around,
    fails_at_openai,
    incident_of,
)
from tests.events.builders import completed
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def began():
    return a_while_ago(12)


class Recorder:
    def __init__(self) -> None:
        self.payloads: list[Any] = []

    def emit(self, payload, _context) -> None:
        self.payloads.append(payload)

    def flush(self) -> None:
        return


@pytest.fixture
def emitted():
    recorder = Recorder()
    set_emitter(recorder)
    yield recorder
    set_emitter(None)


def test_the_provider_that_fails_explains_the_incident(acme, began):
    calls_around(acme, began, fails_at_openai)
    incident = incident_of(acme, began)
    evidence = evidence_about(incident, began + timedelta(minutes=10))
    assert [str(part) for one in evidence.blamed for part in one.parts] == ["provider openai"]
    assert evidence.now is not None
    first = evidence.blamed[0]
    assert 0.95 < first.share < 1.05
    assert first.before == 0
    assert first.now is not None
    assert 0.5 < first.now < 0.8
    assert evidence.before == 0
    assert 0.3 < evidence.now < 0.6
    assert evidence.reference == "the 6 hours before"
    assert [(one.code, one.before) for one in evidence.outcomes] == [("PROVIDER_UNAVAILABLE", 0)]
    assert "Provider openai explains" in conclusion(evidence)


def test_other_tenants_calls_do_not_count(acme, began):
    globex = make_tenant(slug="globex", name="Globex")
    calls_around(globex, began, fails_at_openai)
    calls_around(acme, began, answered)
    evidence = evidence_about(incident_of(acme, began), began + timedelta(minutes=10))
    assert evidence.now == 0
    assert evidence.blamed == []
    assert evidence.notes == ["The figure differs from its reference by no more than chance may do."]


def test_the_platforms_incidents_name_the_tenant(acme, began):
    globex = make_tenant(slug="globex", name="Globex")
    calls_around(acme, began, lambda chance, now, whose: fails_at_openai(chance, now, {**whose, "provider": "openai"}))
    calls_around(globex, began, answered, seed=2)
    with across_tenants("the platform's incident"):
        evidence = evidence_about(incident_of(None, began), began + timedelta(minutes=10))
    assert [str(part) for one in evidence.blamed for part in one.parts] == ["tenant Acme"]


def test_slow_calls_are_counted_against_what_was_usual(acme, began):
    def slow(chance, now, whose):
        took = chance.uniform(80, 120) * (6 if now and whose["tags"]["region"] == "eu" else 1)
        return completed(**whose, cost_nanousd=1_000, duration_ms=took)

    calls_around(acme, began, slow)
    incident = incident_of(acme, began, signal="latency_p95", threshold=300)
    evidence = evidence_about(incident, began + timedelta(minutes=10))
    assert evidence.measure == "share"
    assert [str(part) for part in evidence.blamed[0].parts] == ["tag:region eu"]


def test_a_dearer_price_explains_the_cost_of_a_call(acme, began):
    def dear(chance, now, whose):
        price = 5_000 if now and whose["model"] == "claude" else 1_000
        return completed(**whose, cost_nanousd=price, duration_ms=100)

    calls_around(acme, began, dear)
    incident = incident_of(acme, began, signal="cost_per_call", threshold=2_000)
    evidence = evidence_about(incident, began + timedelta(minutes=10))
    assert evidence.now is not None
    assert evidence.before is not None
    # The provider has no other model: the same calls by another name.
    assert {str(part) for one in evidence.blamed for part in one.parts} == {"model claude", "provider anthropic"}
    assert evidence.blamed[0].rate_effect == pytest.approx(evidence.now - evidence.before, rel=0.2)


def test_without_calls_before_nothing_is_claimed(acme, began):
    evidence = evidence_about(incident_of(acme, began), began + timedelta(minutes=10))
    assert evidence.segments == []
    assert evidence.notes == ["There were hardly any calls before to compare with."]


def test_what_was_deployed_just_before_comes_first(acme, began):
    calls_around(acme, began, fails_at_openai)
    for minutes, version in ((300, "1.0"), (4, "2.0")):
        with patch.object(timezone, "now", lambda: began):
            record_deployment(
                tenant=acme, service="checkout", version=version, deployed_at=began - timedelta(minutes=minutes)
            )
    evidence = evidence_about(incident_of(acme, began), began + timedelta(minutes=10))
    deployments = [one.text for one in evidence.happened if one.kind == "deployment"]
    assert deployments == ["checkout 2.0 was deployed.", "checkout 1.0 was deployed."]
    assert evidence.happened[0].text == "checkout 2.0 was deployed."


def test_another_tenants_deployment_is_not_told(acme, began):
    record_deployment(tenant=make_tenant(slug="globex"), service="secret", version="1", deployed_at=began)
    record_deployment(service="gateway", version="9", deployed_at=began)
    evidence = evidence_about(incident_of(acme, began), began + timedelta(minutes=10))
    assert [one.text for one in evidence.happened if one.kind == "deployment"] == ["gateway 9 was deployed."]
    assert all(one.actor == "" for one in evidence.happened if one.kind == "deployment")


def test_an_earlier_incident_of_the_same_cause_is_found_with_how_it_ended(acme, began):
    calls_around(acme, began, fails_at_openai)
    first = incident_of(acme, began, name="Errors")
    explain(incident=first, now=began + timedelta(minutes=10))
    incidents.add_note(incident=first, text="We moved to the other provider.")
    incidents.resolve(incident=first)
    # As if it had been yesterday.
    Incident.objects.filter(tenant=acme, pk=first.pk).update(began_at=began - timedelta(days=1))
    second = incident_of(acme, began, name="Errors again")
    evidence = evidence_about(second, began + timedelta(minutes=10))
    assert [one.incident_id for one in evidence.similar] == [str(first.pk)]
    assert "the same cause: openai" in evidence.similar[0].why
    assert evidence.similar[0].ended == "We moved to the other provider."


def test_it_is_worked_out_when_due_and_once_more_at_the_end(acme, began):
    calls_around(acme, began, fails_at_openai)
    incident = incident_of(acme, began)
    now = timezone.now()
    assert explain_due(now=now) == 1
    assert explain_due(now=now + timedelta(seconds=30)) == 0
    assert explain_due(now=now + timedelta(minutes=3)) == 1
    incidents.resolve(incident=incident)
    assert explain_due(now=now + timedelta(minutes=3)) == 1
    assert explain_due(now=now + timedelta(hours=1)) == 0
    found = causes_of(incident)
    assert found is not None
    assert found[0].final


def test_a_worker_that_dies_meanwhile_loses_nothing(acme, began):
    calls_around(acme, began, fails_at_openai)
    incident_of(acme, began)
    with patch("alerting.causes.explaining.as_json", side_effect=SystemExit), pytest.raises(SystemExit):
        explain_due()
    assert not IncidentCauses.objects.for_tenant(acme).exists()
    assert explain_due() == 1
    row = IncidentCauses.objects.for_tenant(acme).get()
    evidence = evidence_of(row.evidence)
    assert evidence is not None
    assert evidence.blamed


def test_one_that_cannot_be_explained_keeps_no_other_from_it(acme, began):
    first, second = incident_of(acme, began), incident_of(make_tenant(slug="globex"), began)
    real = evidence_about

    def breaks(incident, now):
        if incident.pk == first.pk:
            raise RuntimeError("no")
        return real(incident, now)

    with patch("alerting.causes.explaining.evidence_about", breaks):
        assert explain_due() == 1
    assert causes_of(first) is None
    assert causes_of(second) is not None


def test_a_new_cause_is_told_once(acme, began, emitted):
    calls_around(acme, began, fails_at_openai)
    incident = incident_of(acme, began)
    explain(incident=incident)
    explain(incident=incident)
    (told,) = [one for one in emitted.payloads if isinstance(one, CauseFound)]
    assert told.segment == "provider openai"
    assert told.incident_id == str(incident.pk)


def test_the_post_mortem_has_the_table(acme, began):
    calls_around(acme, began, fails_at_openai)
    incident = incident_of(acme, began)
    explain(incident=incident)
    text = post_mortem(incident)
    assert "**provider openai**" in text
    assert text.index("## Cause") < text.index("**provider openai**") < text.index("## What went well")
