"""Which alerts are one incident."""

from __future__ import annotations

from alerting.engine.grouping import Candidate, incident_for


def one(**fields) -> Candidate:
    known = {"id": "i", "segments": frozenset({"route chat"}), "rules": frozenset({"r"}), "last_began_s": 10_000}
    return Candidate(**{**known, **fields})


def test_alerts_of_the_same_calls_that_begin_together_are_one():
    assert incident_for("route chat", "other", 10_900, [one()]) == "i"


def test_other_calls_are_another():
    assert incident_for("route search", "other", 10_900, [one()]) == ""


def test_what_concerns_all_calls_takes_single_ones_in():
    assert incident_for("all", "other", 10_900, [one()]) == "i"
    assert incident_for("route search", "other", 10_900, [one(segments=frozenset({"all"}))]) == "i"


def test_half_an_hour_later_it_is_another():
    assert incident_for("route chat", "other", 12_000, [one()]) == ""


def test_the_same_rule_belongs_to_what_it_began():
    assert incident_for("route chat", "r", 99_000, [one()]) == "i"


def test_a_rule_that_fires_again_soon_goes_on_with_its_incident():
    over = one(resolved_s=20_000)

    assert incident_for("route chat", "r", 20_600, [over]) == "i"
    assert incident_for("route chat", "r", 21_000, [over]) == ""
    assert incident_for("route chat", "other", 20_100, [over]) == ""


def test_the_youngest_of_several_takes_it():
    assert incident_for("all", "x", 10_900, [one(), one(id="j", last_began_s=10_500)]) == "j"
