"""Golden sets as files: JSON lines or CSV in, JSON lines out. What is wrong is told by line, and the rest is read."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

MAX_ITEMS: Final = 50_000
MAX_CHARACTERS: Final = 200_000
"""Of one text."""
MAX_TAGS: Final = 20
MAX_PASSAGES: Final = 50
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_NAME: Final = re.compile(r"[\w.:/ -]{1,64}")
_SPLIT: Final = re.compile(r"[\w.-]{0,32}")
_FIELDS: Final = ("key", "input", "expected", "context", "rubric", "tags", "split")

Messages = list[dict[str, Any]]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An example as files and the API have it."""

    input: str | Messages
    key: str = ""
    """Empty: it is made from the input, so that the same input is the same item in every version."""
    expected: str = ""
    context: list[str] = []
    rubric: str = ""
    tags: list[str] = []
    split: str = ""


class Read(msgspec.Struct, frozen=True):
    """What a file held."""

    items: list[Item]
    errors: list[tuple[int, str]]
    """Line (of CSV: row, the heading being 1) and what is wrong with it."""


def digest_of(item: Item) -> str:
    """SHA-256 of the content, by which versions are compared."""
    content = (item.input, item.expected, item.context, item.rubric, sorted(item.tags), item.split)
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def keyed(item: Item) -> Item:
    """With a key."""
    if item.key:
        return item
    made = hashlib.sha256(msgspec.json.encode(item.input)).hexdigest()[:16]
    return msgspec.structs.replace(item, key=made)


def read(text: str, *, name: str = "") -> Read:
    """The items of a file: CSV where its name ends so or its first line is no JSON, else JSON lines."""
    text = text.removeprefix("\ufeff")
    is_csv = name.lower().endswith((".csv", ".tsv")) or text.lstrip()[:1] != "{"
    items: list[Item] = []
    errors: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for line, plain in _csv_rows(text) if is_csv else _json_rows(text):
        try:
            item = keyed(item_of(plain))
        except ValueError as error:
            errors.append((line, str(error)))
            continue
        if item.key in seen:
            errors.append((line, f"Line {seen[item.key]} has the same key{'' if plain.get('key') else ' and input'}."))
        elif len(items) >= MAX_ITEMS:
            errors.append((line, f"A golden set has at most {MAX_ITEMS:,} items."))
            break
        else:
            seen[item.key] = line
            items.append(item)
    if not items and not errors:
        errors.append((1, "The file has no items."))
    return Read(items, errors)


def item_of(plain: Mapping[str, Any]) -> Item:
    """An item from a JSON object or a row.

    Raises:
        ValueError: what is wrong, in a sentence.
    """
    if problem := plain.get(""):
        raise ValueError(str(problem))
    unknown = [name for name in plain if name not in _FIELDS]
    if unknown:
        raise ValueError(f"There is no field {unknown[0]!r}; there are: {', '.join(_FIELDS)}.")
    item = Item(
        key=_text(plain, "key").strip(),
        input=_input(plain.get("input")),
        expected=_text(plain, "expected"),
        context=_texts(plain.get("context"), "context", MAX_PASSAGES),
        rubric=_text(plain, "rubric"),
        tags=list(dict.fromkeys(one.strip() for one in _texts(plain.get("tags"), "tags", MAX_TAGS) if one.strip())),
        split=_text(plain, "split").strip(),
    )
    if item.key and not _NAME.fullmatch(item.key):
        raise ValueError("A key has at most 64 letters, digits and . : / _ - or spaces.")
    if not _SPLIT.fullmatch(item.split):
        raise ValueError("The name of a split has at most 32 letters, digits and . _ -")
    if any(not _NAME.fullmatch(tag) for tag in item.tags):
        raise ValueError("A tag has at most 64 letters, digits and . : / _ - or spaces.")
    return item


def written(items: Sequence[Item]) -> Iterator[bytes]:
    """The items as JSON lines, one at a time."""
    for item in items:
        yield msgspec.json.encode(item) + b"\n"


def text_of(given: str | Messages) -> str:
    """The input as one text: that of the last message of the user, where it is a chat."""
    if isinstance(given, str):
        return given
    users = [one for one in given if one.get("role") == "user"] or list(given)
    return _content(users[-1].get("content")) if users else ""


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not splitlines(): JSON has the separators of Unicode in its strings as they are.
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            yield number, {"": "The line is not JSON."}
            continue
        yield number, value if isinstance(value, dict) else {"": "The line is no JSON object."}


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        heading = [name.strip().lower() for name in next(rows, [])]
        if "input" not in heading:
            yield 1, {"": "The first row names the columns, and one of them has to be “input”."}
            return
        for number, row in enumerate(rows, start=2):
            if any(cell.strip() for cell in row):
                yield number, _row(heading, row)
    except csv.Error as error:
        yield rows.line_num, {"": f"The row is no CSV: {error}."}


def _row(heading: list[str], row: list[str]) -> Mapping[str, Any]:
    if len(row) > len(heading):
        return {"": f"The row has {len(row)} cells, the first row names {len(heading)} columns."}
    plain: dict[str, Any] = {name: cell for name, cell in zip(heading, row, strict=False) if name}
    for name in ("input", "context", "tags"):
        cell = str(plain.get(name) or "").strip()
        if cell.startswith("["):
            try:
                plain[name] = msgspec.json.decode(cell)
            except msgspec.DecodeError:
                continue
        elif name == "tags" and cell:
            plain[name] = [one for one in re.split(r"[,;|]", cell) if one.strip()]
    return plain


def _input(value: Any) -> str | Messages:
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("The input is empty.")
        if len(value) > MAX_CHARACTERS:
            raise ValueError(f"The input has more than {MAX_CHARACTERS:,} characters.")
        return value
    if value is None:
        raise ValueError("There is no input.")
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise ValueError("The input is a text, or a list of messages.")
    for number, one in enumerate(value, start=1):
        if one.get("role") not in _ROLES:
            raise ValueError(f"Message {number} of the input has no role of a chat.")
    if len(msgspec.json.encode(value)) > 4 * MAX_CHARACTERS:
        raise ValueError("The input is too long.")
    return value


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    if value is None:
        return ""
    if isinstance(value, dict | list) and name == "expected":
        value = msgspec.json.encode(value).decode()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"The field {name!r} is a text.")
    value = str(value)
    if len(value) > MAX_CHARACTERS:
        raise ValueError(f"The field {name!r} has more than {MAX_CHARACTERS:,} characters.")
    return value.replace("\x00", "")


def _texts(value: Any, name: str, most: int) -> list[str]:
    if value in (None, "", []):
        return []
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"The field {name!r} is a text, or a list of texts.")
    if len(found) > most or sum(map(len, found)) > 4 * MAX_CHARACTERS:
        raise ValueError(f"The field {name!r} is too long: at most {most}.")
    return found
