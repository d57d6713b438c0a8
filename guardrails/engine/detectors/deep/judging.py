"""What a pipeline takes for names, corrected by lists and by how the text is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from guardrails.engine.detectors.deep.lists import COMPANY, COUNTRIES, NO_ORGANIZATION, given_names, surnames

_ENTITIES: Final = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_NAME_WORD: Final = re.compile(r"[^\W\d_][\w'\u2019\-]*")
_EDGES: Final = " \t\n\r\"'\u2019\u201c\u201d>,.;:!?()[]*|\\"
Name = tuple[str, int, int]


def with_capitals(text: str) -> str:
    """Text in small letters with capitals, since a pipeline knows names by theirs; characters keep their places."""
    return _WORD.sub(lambda match: _capital(match[0]), text)


def _capital(word: str) -> str:
    from spacy.lang.en.stop_words import STOP_WORDS

    upper = word[0].upper()
    return word if word in STOP_WORDS or len(upper) > 1 else upper + word[1:]


def judged(document: Any, text: str, *, has_capitals: bool) -> Iterator[Name]:
    """Names as (entity, start, end), in order.

    Args:
        document: what the pipeline made of the text, with entities and parts of speech.
        text: as it was written.
        has_capitals: as written, the text had some; if not, fewer words are believed to be names.
    """
    taken: list[Name] = []
    for name in document.ents:
        entity = _ENTITIES.get(name.label_)
        if entity is not None:
            taken += _judge(entity, text, *_trimmed(text, name.start_char, name.end_char), has_capitals=has_capitals)
    yield from sorted([*taken, *_overlooked(document, text, taken, has_capitals=has_capitals)], key=lambda one: one[1])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without what surrounds a name, and to the end of its first line."""
    while start < end and text[start] in _EDGES:
        start += 1
    line = text.find("\n", start, end)
    end = line if line > 0 else end
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    if text[max(start, end - 2) : end] in {"'s", "\u2019s"}:
        end -= 2
    return start, end


def _judge(entity: str, text: str, start: int, end: int, *, has_capitals: bool) -> Iterator[Name]:
    if not has_capitals:
        start = _first_given_name(text, start, end)
    words = [word.lower() for word in _NAME_WORD.findall(text[start:end])]
    if not words:
        return
    if " ".join(words).removeprefix("the ") in COUNTRIES:
        yield "LOCATION", start, end
    elif words[-1] in COMPANY:
        yield "ORGANIZATION", start, end
    elif entity != "PERSON" and words[0] in given_names() and len(words) <= 3:
        yield "PERSON", start, end
    elif _is_believed(entity, text[start:end], words, has_capitals=has_capitals):
        yield entity, start, end


def _first_given_name(text: str, start: int, end: int) -> int:
    """Where the name begins, if it has a given name: with capitals made up, a verb before it was taken for one."""
    for word in _NAME_WORD.finditer(text, start, end):
        if word[0] in given_names():
            return word.start()
    return start


def _is_believed(entity: str, written: str, words: list[str], *, has_capitals: bool) -> bool:
    if not has_capitals:
        return entity != "ORGANIZATION" and (words[0] in given_names() or words[-1] in surnames())
    if not any(map(str.isupper, written)):
        return False
    return entity != "ORGANIZATION" or not (len(words) == 1 and words[0] in NO_ORGANIZATION)


def _overlooked(document: Any, text: str, taken: list[Name], *, has_capitals: bool) -> Iterator[Name]:
    """Given names, and the names after them, that the pipeline has taken for no name; countries as well."""
    covered = {place for _, start, end in taken for place in range(start, end)}
    last = -1
    for token in document:
        start, end = token.idx, token.idx + len(token.text)
        if start < last or start in covered:
            continue
        word = token.text.lower()
        if word in COUNTRIES:
            yield "LOCATION", start, end
        elif _is_overlooked(token, word, has_capitals=has_capitals):
            last = _through(token, covered)
            yield "PERSON", start, last


def _is_overlooked(token: Any, word: str, *, has_capitals: bool) -> bool:
    if not token.text[:1].isupper() or token.text.isupper() or token.pos_ != "PROPN":
        return False
    return word in given_names() or (
        has_capitals and not token.is_sent_start and word in surnames() and _stands_alone(token)
    )


def _stands_alone(token: Any) -> bool:
    """No other name beside it: it is none of several words of which it is a part."""
    neighbours = [token.nbor(step) for step in (-1, 1) if 0 <= token.i + step < len(token.doc)]
    return not any(one.text[:1].isupper() and one.pos_ == "PROPN" for one in neighbours)


def _through(token: Any, covered: set[int]) -> int:
    end: int = token.idx + len(token.text)
    for follower in token.doc[token.i + 1 : token.i + 4]:
        if (
            not follower.text[:1].isupper()
            or follower.pos_ != "PROPN"
            or follower.idx in covered
            or follower.idx != end + 1
        ):
            break
        end = follower.idx + len(follower.text)
    return end
