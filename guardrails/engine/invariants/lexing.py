"""An expression cut into tokens."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, NoReturn

from guardrails.engine.invariants.syntax import ExpressionError

_TOKEN: Final = re.compile(
    r"(?P<blank>\s+|//[^\n]*)"
    r"|(?P<text>(?P<raw>[rR]?)(?P<quote>'''|\"\"\"|'|\"))"
    r"|(?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<int>0[xX][0-9a-fA-F]+|\d+)(?P<unsigned>[uU]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])"
)
_BYTES: Final = re.compile(r"[bB][rR]?['\"]|[rR][bB]['\"]")
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\?\"'`])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.?))",
    re.DOTALL,
)
_PLAIN: Final = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
KEYWORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """One of them; ``kind`` is ``name``, ``int``, ``double``, ``text``, ``sign`` or ``end``."""

    kind: str
    value: Any
    at: int


def tokens_of(source: str) -> list[Token]:
    """All tokens, the last of them ``end``.

    Raises:
        ExpressionError: something is no token.
    """
    found: list[Token] = []
    place = 0
    while place < len(source):
        if _BYTES.match(source, place):
            raise ExpressionError("Texts are never bytes here: leave the b away.", source, place)
        match = _TOKEN.match(source, place)
        if match is None:
            raise ExpressionError(f"{source[place]!r} means nothing here.", source, place)
        if match["text"] is not None:
            value, end = _text(source, match)
            found.append(Token("text", value, place))
            place = end
            continue
        if match["blank"] is None:
            found.append(_token(source, match, place))
        place = match.end()
    return [*found, Token("end", "", len(source))]


def _token(source: str, match: re.Match[str], place: int) -> Token:
    if match["int"] is not None:
        if match["unsigned"]:
            raise ExpressionError("There are no unsigned numbers here: leave the u away.", source, place)
        return Token("int", int(match["int"], 0 if match["int"][:2].lower() == "0x" else 10), place)
    if match["double"] is not None:
        return Token("double", float(match["double"]), place)
    kind = "name" if match["name"] is not None else "sign"
    return Token(kind, match[0], place)


def _text(source: str, match: re.Match[str]) -> tuple[str, int]:
    quote, start, raw = match["quote"], match.end(), bool(match["raw"])
    place = start
    while True:
        if place >= len(source) or (len(quote) == 1 and source[place] in "\r\n"):
            raise ExpressionError("This text has no closing quotation mark.", source, match.start())
        if source.startswith(quote, place):
            break
        place += 2 if source[place] == "\\" and not raw else 1
    inside = source[start:place]
    return inside if raw else _unescaped(inside, source, start), place + len(quote)


def _unescaped(inside: str, source: str, start: int) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match["plain"]:
            return _PLAIN[match["plain"]]
        if match["octal"]:
            return chr(int(match["octal"], 8))
        digits = match["x"] or match["u"] or match["U"]
        code = int(digits, 16) if digits else -1
        if 0 <= code < 0xD800 or 0xDFFF < code <= 0x10FFFF:
            return chr(code)
        wrong(match)

    def wrong(match: re.Match[str]) -> NoReturn:
        hint = " For a regular expression write r'…', where backslashes stand for themselves."
        raise ExpressionError(f"{match[0]!r} is no escape of CEL.{hint}", source, start + match.start())

    return _ESCAPE.sub(replaced, inside) if "\\" in inside else inside
