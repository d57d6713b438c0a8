"""Personal data: our fast tier, both tiers, and Presidio on the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.guardrails.latency import print_latency
from bench.guardrails.spans import Score, Span
from guardrails.engine.detectors.deep.names import Names, NotInstalledError, combined
from guardrails.engine.detectors.pii import ENTITIES, STRUCTURED, PersonalData
from guardrails.engine.detectors.secrets import Secrets
from guardrails.engine.text import Text

SAME = {
    "URL": "DOMAIN_NAME",
    "DATE_OF_BIRTH": "DATE_TIME",
    "NRP": "NRP",
    "US_ITIN": "US_ITIN",
    "STREET_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ADDRESS",
    "GPE": "LOCATION",
    "IP": "IP_ADDRESS",
    "NAME": "PERSON",
}
"""Names of types for the same thing; what is not here keeps its name, in lower case or not."""
FAMILY = {"LOCATION": "ADDRESS", "PREFIX": "PERSON"}
"""For the figures by family: Presidio tells places as LOCATION alone, and a title is part of a name for it or not."""


class Row(NamedTuple):
    text: str
    spans: list[Span]
    held_out: bool


Predict = Callable[[str], list[Span]]


def run(file: Path, *, presidio: bool = True) -> None:
    """Prints the figures for a file."""
    rows = list(_rows(file))
    present = Counter(span.type for row in rows for span in row.spans)
    known = {_type(entity) for entity in ENTITIES} | {"LOCATION", "ORGANIZATION"}
    held_out = sum(row.held_out for row in rows)
    print(f"{len(rows)} texts, {sum(present.values())} spans; held-out half by hash: {held_out} texts.")
    unknown = sorted(set(present) - known)
    if unknown:
        print("Types that ours has no detector for, counted as missed: " + ", ".join(unknown))
    print("A span counts as found where one of the same type overlaps it; exact: where one begins and ends with it.")
    print("Same type: " + ", ".join(f"{one} as {other}" for one, other in SAME.items() if one != other) + ".")
    print("Types that no text of the file is labelled with are left out, for every system alike.")
    for name, predict in _systems(presidio=presidio):
        told = [[span for span in predict(row.text) if span.type in present] for row in rows]
        _print_system(name, rows, told, present)
    fast, secrets = PersonalData().find, Secrets().find
    print_latency({"personal data": fast, "secrets": secrets, "both": lambda text: (*fast(text), *secrets(text))})


def _systems(*, presidio: bool) -> Iterable[tuple[str, Predict]]:
    fast = PersonalData(ENTITIES)
    yield "ours, fast tier", lambda text: _spans(fast.find(Text(text)))
    try:
        names = Names()
    except NotInstalledError as error:
        print(f"Without the deep tier: {error}")
    else:

        def both(text: str) -> list[Span]:
            looked_at = Text(text)
            return _spans(combined(fast.find(looked_at), names.read(looked_at)))

        yield "ours, with the deep tier", both
    if presidio:
        yield "Presidio, as it comes", _presidio(0.0)
        yield "Presidio, scores of 0.5 and more", _presidio(0.5)


def _presidio(least_score: float) -> Predict:
    from presidio_analyzer import AnalyzerEngine

    from bench.guardrails.presidio import engine

    analyzer: AnalyzerEngine = engine()
    return lambda text: [
        Span(_type(one.entity_type), one.start, one.end)
        for one in analyzer.analyze(text=text, language="en", score_threshold=least_score)
    ]


def _spans(findings: Iterable[Any]) -> list[Span]:
    return [Span(_type(one.entity), one.start, one.end) for one in findings]


def _rows(file: Path) -> Iterable[Row]:
    for line in file.read_bytes().splitlines():
        if line.strip():
            row: Any = msgspec.json.decode(line)
            spans = [Span(_type(one["type"]), one["start"], one["end"]) for one in row["spans"]]
            yield Row(row["text"], spans, bool(sha256(row["text"].encode()).digest()[0] % 2))


def _type(name: str) -> str:
    upper = str(name).upper()
    return SAME.get(upper, upper)


def _print_system(name: str, rows: Sequence[Row], told: Sequence[list[Span]], present: Counter[str]) -> None:
    overlap, exact, families, held_out = Score(), Score(), Score(), Score()
    for row, spans in zip(rows, told, strict=True):
        overlap.add(row.spans, spans)
        exact.add(row.spans, spans, exact=True)
        families.add(_families(row.spans), _families(spans))
        if row.held_out:
            held_out.add(row.spans, spans)
    print(f"\n## {name}\n")
    print(f"{'type':<22}{'spans':>7}{'precision':>11}{'recall':>8}{'F1':>7}{'exact F1':>10}{'held-out F1':>13}")
    for type_, _ in present.most_common():
        _print_line(type_, [type_], overlap, exact, held_out)
    structured = [type_ for type_ in present if type_ in {_type(entity) for entity in STRUCTURED}]
    _print_line("structured types", structured, overlap, exact, held_out)
    _print_line("all types", present, overlap, exact, held_out)
    count, precision, recall, f1 = families.figures({FAMILY.get(type_, type_) for type_ in present})
    print(f"{'all, by family':<22}{count:>7}{precision:>11.3f}{recall:>8.3f}{f1:>7.3f}")


def _families(spans: Iterable[Span]) -> list[Span]:
    return [span._replace(type=FAMILY.get(span.type, span.type)) for span in spans]


def _print_line(label: str, types: Iterable[str], overlap: Score, exact: Score, held_out: Score) -> None:
    types = list(types)
    count, precision, recall, f1 = overlap.figures(types)
    exact_f1, held_out_f1 = exact.figures(types)[3], held_out.figures(types)[3]
    print(f"{label:<22}{count:>7}{precision:>11.3f}{recall:>8.3f}{f1:>7.3f}{exact_f1:>10.3f}{held_out_f1:>13.3f}")
