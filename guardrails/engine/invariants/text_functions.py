"""Functions about texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import re2

from embeddings.static import shared_embedder
from guardrails.engine.invariants.signatures import (
    MAX_FOUND,
    MAX_TEXT,
    EvaluationFailed,
    Function,
    signature,
)
from guardrails.engine.invariants.types import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    list_of,
)

_FAMILY: Final = "Texts"
MAX_PATTERN: Final = 1_000
"""Characters of a regular expression."""
MAX_SEARCHED: Final = 20_000_000
"""Characters of a text, times the texts that are looked for in it."""
SIMILARITY_STEPS: Final = 500
SIMILARITY_CHARACTERS: Final = 2_000
"""Of either text that are compared: the first."""

_TEXTS: Final = list_of(STRING)
_WORD: Final = re.compile(r"[^\W_]+")
_LINK: Final = re.compile(r"https?://[^\s<>\"'\]\)]+", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*")

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=512)
def pattern(source: str) -> Any:
    """A compiled regular expression of RE2, which takes time that grows with the text alone.

    Raises:
        ValueError: it is none.
    """
    if len(source) > MAX_PATTERN:
        raise ValueError(f"a regular expression has at most {MAX_PATTERN:,} characters")
    try:
        return re2.compile(source, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a regular expression of RE2: {reason}") from None


def _find(text: str, source: str) -> str:
    found = pattern(source).search(text)
    return "" if found is None else _said(found)


def _find_all(text: str, source: str) -> list[str]:
    found = []
    for match in pattern(source).finditer(text):
        found.append(_said(match))
        if len(found) == MAX_FOUND:
            break
    return found


def _said(match: Any) -> str:
    said: str | None = match.group(1) if match.re.groups else match.group(0)
    return said or ""


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise EvaluationFailed("a part is asked for that the text does not have")
    return text[start:end]


def _split(text: str, by: str) -> list[str]:
    parts = text.split(by) if by else list(text)
    if len(parts) > 100_000:
        raise EvaluationFailed("a text falls into more than 100,000 parts")
    return parts


def _joined(parts: Sequence[Any], by: str = "") -> str:
    if not all(isinstance(part, str) for part in parts):
        raise EvaluationFailed("only texts can be joined")
    # Looked at before it is made, as with replacing: a short list of long texts is a very long one.
    if sum(map(len, parts)) + len(by) * len(parts) > MAX_TEXT:
        raise EvaluationFailed(f"a text became longer than {MAX_TEXT:,} characters")
    return by.join(parts)


def _replaced(text: str, old: str, new: str) -> str:
    # Looked at before it is made: a short text can stand in place of every one of many characters.
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise EvaluationFailed(f"a text became longer than {MAX_TEXT:,} characters")
    return text.replace(old, new)


def _ascii(text: str, changed: Callable[[str], str]) -> str:
    return "".join(changed(letter) if letter.isascii() else letter for letter in text)


def _contains_any(text: str, wanted: Sequence[Any]) -> bool:
    if len(text) * len(wanted) > MAX_SEARCHED:
        raise EvaluationFailed("too many texts are looked for in a text that is too long")
    folded = text.casefold()
    return any(isinstance(one, str) and one.casefold() in folded for one in wanted)


def words(text: str) -> list[str]:
    """The words, in small letters."""
    return _WORD.findall(text.casefold())


def _overlap(text: str, other: str) -> float:
    said, known = set(words(text)), set(words(other))
    return len(said & known) / len(said) if said else 1.0


def similarity(one: str, other: str) -> float:
    """How near the two are in meaning, by their embeddings: 0 to 1."""
    embedder = shared_embedder()
    a, b = (embedder.embed(text[:SIMILARITY_CHARACTERS]) for text in (one, other))
    return max(0.0, min(1.0, float(a @ b)))


def _links(text: str) -> list[str]:
    return [link.rstrip(".,;:!?") for link in _LINK.findall(text)][:MAX_FOUND]


def _sentences(text: str) -> list[str]:
    found = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return [sentence for sentence in found if sentence][:MAX_FOUND]


_PATTERN: Final[dict[int, Callable[[str], Any]]] = {1: pattern}

FUNCTIONS: Final = (
    Function(
        "contains",
        "Whether the second stands in the first.",
        (signature(STRING, STRING, gives=BOOL, run=lambda a, b: b in a),),
        _FAMILY,
        reads=True,
        example="response.text.contains('refund')",
    ),
    Function(
        "containsAny",
        "Whether any of the texts stands in the first, in capitals or small letters.",
        (signature(STRING, _TEXTS, gives=BOOL, run=_contains_any),),
        _FAMILY,
        reads=True,
        example="response.text.containsAny(['refund', 'money back'])",
    ),
    Function(
        "startsWith",
        "Whether the text begins so.",
        (signature(STRING, STRING, gives=BOOL, run=lambda a, b: a.startswith(b)),),
        _FAMILY,
        example="request.model.startsWith('gpt-')",
    ),
    Function(
        "endsWith",
        "Whether the text ends so.",
        (signature(STRING, STRING, gives=BOOL, run=lambda a, b: a.endswith(b)),),
        _FAMILY,
        example="response.text.endsWith('.')",
    ),
    Function(
        "matches",
        "Whether the regular expression (RE2) is found in the text.",
        (signature(STRING, STRING, gives=BOOL, run=lambda a, b: pattern(b).search(a) is not None),),
        _FAMILY,
        reads=True,
        literals=_PATTERN,
        example="response.text.matches(r'(?i)policy \\d+')",
    ),
    Function(
        "find",
        "What the regular expression finds first, of a group its text; empty where it finds nothing.",
        (signature(STRING, STRING, gives=STRING, run=_find),),
        _FAMILY,
        reads=True,
        literals=_PATTERN,
        example="find(response.text, r'Order (\\d+)')",
    ),
    Function(
        "findAll",
        "Everything that the regular expression finds.",
        (signature(STRING, STRING, gives=_TEXTS, run=_find_all),),
        _FAMILY,
        reads=True,
        literals=_PATTERN,
        example="findAll(response.text, r'§ ?\\d+')",
    ),
    Function(
        "similarity",
        "How near two texts are in meaning, 0 to 1, by the first 2,000 characters of each.",
        (signature(STRING, STRING, gives=DOUBLE, run=similarity),),
        _FAMILY,
        reads=True,
        steps=SIMILARITY_STEPS,
        example="similarity(response.text, request.prompt) > 0.2",
    ),
    Function(
        "overlap",
        "Which share of the first text's words the second has as well, 0 to 1.",
        (signature(STRING, STRING, gives=DOUBLE, run=_overlap),),
        _FAMILY,
        reads=True,
        example="overlap(response.text, retrieval.text) >= 0.5",
    ),
    Function(
        "words",
        "The words, in small letters.",
        (signature(STRING, gives=_TEXTS, run=words),),
        _FAMILY,
        reads=True,
        example="size(words(response.text)) <= 200",
    ),
    Function(
        "sentences",
        "The sentences.",
        (signature(STRING, gives=_TEXTS, run=_sentences),),
        _FAMILY,
        reads=True,
        example="sentences(response.text).size() <= 5",
    ),
    Function(
        "links",
        "The http and https addresses.",
        (signature(STRING, gives=_TEXTS, run=_links),),
        _FAMILY,
        reads=True,
        example="links(response.text).all(l, l.startsWith('https://example.org/'))",
    ),
    Function("lower", "In small letters.", (signature(STRING, gives=STRING, run=str.lower),), _FAMILY, reads=True),
    Function(
        "lowerAscii",
        "A to Z in small letters.",
        (signature(STRING, gives=STRING, run=lambda text: _ascii(text, str.lower)),),
        _FAMILY,
        reads=True,
    ),
    Function(
        "upperAscii",
        "a to z in capitals.",
        (signature(STRING, gives=STRING, run=lambda text: _ascii(text, str.upper)),),
        _FAMILY,
        reads=True,
    ),
    Function(
        "trim", "Without blanks at either end.", (signature(STRING, gives=STRING, run=str.strip),), _FAMILY, reads=True
    ),
    Function(
        "replace",
        "With the third in place of the second.",
        (signature(STRING, STRING, STRING, gives=STRING, run=_replaced),),
        _FAMILY,
        reads=True,
    ),
    Function(
        "split",
        "The parts between the second.",
        (signature(STRING, STRING, gives=_TEXTS, run=_split),),
        _FAMILY,
        reads=True,
    ),
    Function(
        "join",
        "All texts of a list, with the second between them.",
        (
            signature(_TEXTS, gives=STRING, run=_joined),
            signature(_TEXTS, STRING, gives=STRING, run=_joined),
        ),
        _FAMILY,
    ),
    Function(
        "substring",
        "The characters from a number on, before another; 0 is the first.",
        (
            signature(STRING, INT, gives=STRING, run=_substring),
            signature(STRING, INT, INT, gives=STRING, run=_substring),
        ),
        _FAMILY,
    ),
    Function(
        "indexOf",
        "Where the second begins in the first; -1 where it does not.",
        (signature(STRING, STRING, gives=INT, run=lambda a, b: a.find(b)),),
        _FAMILY,
        reads=True,
    ),
)
