"""Rules for answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.guardrails import Action, Finding, RuleSpec, Stage
from guardrails.engine.detector import Detector
from guardrails.engine.kinds import KINDS
from guardrails.engine.text import Text


def findings(kind: str, text: str, **options: Any) -> list[Finding]:
    spec = RuleSpec(id="r", name="r", kind=kind, stages=frozenset({Stage.OUTPUT}), action=Action.FLAG, options=options)
    detector: Detector = KINDS[kind].detector(spec)  # type: ignore[assignment]
    return list(detector.find(Text(text)))


def found(kind: str, text: str, **options: Any) -> list[str]:
    return [text[one.start : one.end] for one in findings(kind, text, **options)]


def test_what_is_beyond_the_limit_is_too_long() -> None:
    assert found("max_length", "abcdef", limit=4) == ["ef"]
    assert found("max_length", "abcd", limit=4) == []
    assert found("max_length", "abcdef", limit=1, unit="tokens") == ["ef"]


@pytest.mark.parametrize(
    ("text", "allowed", "hit"),
    [
        ("This is a perfectly ordinary English sentence about the weather in spring.", ["en"], False),
        ("Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter im Frühling.", ["en"], True),
        ("Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter im Frühling.", ["en", "de"], False),
        ("Kurz.", ["en"], False),
    ],
)
def test_a_text_in_another_language_is_found_if_it_is_long_enough(text: str, allowed: list[str], hit: bool) -> None:
    assert bool(found("language", text, allowed=allowed)) is hit


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ('{"age": 3}', None),
        ('```json\n{"age": 3}\n```', None),
        ("three", "is not JSON"),
        ('{"age": "three"}', "breaks the schema at properties/age/type"),
        ("{}", "breaks the schema at required"),
    ],
)
def test_an_answer_that_breaks_its_schema_is_found_with_the_place_and_not_the_value(
    text: str, evidence: str | None
) -> None:
    assert [one.evidence for one in findings("json_schema", text, schema=SCHEMA)] == ([evidence] if evidence else [])


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1/schema"}, {"pattern": "("}])
def test_a_schema_that_is_none_or_lies_elsewhere_is_refused(schema: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        findings("json_schema", "{}", schema=schema)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("see https://docs.example.org/a?b=1", []),
        ("see https://evil.io/?q=data.", ["https://evil.io/?q=data."]),
        ("![a](https://evil.io/x.png?d=1) b", ["![a](https://evil.io/x.png?d=1)"]),
        ("<img src='//evil.io/x'>", ["<img src='//evil.io/x"]),
        ("https://example.org@evil.io/", ["https://example.org@evil.io/"]),
        ("https://example.org.evil.io", ["https://example.org.evil.io"]),
        ("[x](//evil.io/q) and HTTPS://EXAMPLE.ORG", ["//evil.io/q"]),
        ("a//https://evil.io and /////https://evil.io", ["https://evil.io", "https://evil.io"]),
        ("https://" + "a" * 200 + ".example.org", ["https://" + "a" * 200 + ".example.org"]),
    ],
)
def test_addresses_at_hosts_that_are_not_allowed_are_found(text: str, hits: list[str]) -> None:
    assert found("links", text, allowed_hosts=["example.org"]) == hits


def test_only_images_count_where_links_may_lead_anywhere() -> None:
    assert found("links", "https://a.io ![b](https://b.io/c)", images_only=True) == ["![b](https://b.io/c)"]


def test_code_is_found_from_fence_to_fence_and_by_its_language() -> None:
    text = "so:\n```bash\nrm -rf /\n```\nand\n~~~\nx\n~~~\n```python\nopen"
    assert found("code", text) == ["```bash\nrm -rf /\n```", "~~~\nx\n~~~", "```python\nopen"]
    assert found("code", text, languages=["Python"]) == ["```python\nopen"]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this.",
        "Es tut mir leid, aber ich kann das nicht.",
    ],
)
def test_a_refusal_is_found(text: str) -> None:
    assert found("refusal", text)


def test_an_answer_is_no_refusal() -> None:
    assert not found("refusal", "I can help with that. You cannot provide a file here, but you can paste it.")


def test_insults_and_threats_are_found_as_whole_words() -> None:
    assert found("toxicity", "You bastard, I will kill you!") == ["bastard", "I will kill you"]
    assert found("toxicity", "Scunthorpe and Cockburn are places.") == []
    assert found("toxicity", "You bastard!", insults=False) == []
    assert found("toxicity", "a nincompoop", words=["nincompoop"]) == ["nincompoop"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_says_what_it_is_and_what_can_follow(kind: Any) -> None:
    assert kind.title
    assert kind.description
    assert kind.stages
    assert kind.actions
    assert kind.options.__doc__
