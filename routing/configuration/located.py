"""YAML whose every value knows its line, and a collector of what is wrong with it.

Readers ask for what they expect; whatever is missing, misspelt or of the wrong type becomes a problem with its place,
and reading goes on with the default, so that one run tells everything.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from contracts.money import to_nano_usd


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing to correct."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Problems:
    """All that is wrong in one run."""

    def __init__(self) -> None:
        self._found: set[Problem] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found))

    def add(self, file: str, line: int, message: str) -> None:
        """Note one; the same one twice is one."""
        self._found.add(Problem(file, line, message))


class Located:
    """A value in a file, where it is, and what to call it in messages."""

    def __init__(self, value: Any, *, file: str, line: int, name: str, problems: Problems) -> None:
        self.value = value
        self.file = file
        self.line = line
        self.name = name
        self.problems = problems

    def problem(self, message: str) -> None:
        """Note what is wrong at this place."""
        self.problems.add(self.file, self.line, message)

    def __repr__(self) -> str:
        return f"Located({self.name}, {self.file}:{self.line})"

    def is_mapping(self) -> bool:
        """Whether it consists of names and values."""
        return isinstance(self.value, CommentedMap)

    def is_text(self) -> bool:
        """Whether it is a text."""
        return isinstance(self.value, str)

    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.value, CommentedSeq)

    def items(self) -> list[tuple[str, Located]]:
        """The values of a mapping by name."""
        found = []
        for key, value in self.value.items():
            name = str(key)
            found.append((name, self._child(value, self._line_of(key), f"{self.name}.{name}" if self.name else name)))
        return found

    def elements(self) -> list[Located]:
        """The elements of a list."""
        return [
            self._child(value, self._line_of(index), f"{self.name}[{index}]") for index, value in enumerate(self.value)
        ]

    def plain(self) -> Any:
        """The value without YAML's types; None, with a problem, where it is nothing that JSON knows."""
        try:
            return _plain(self.value)
        except TypeError as error:
            self.problem(f"{self.name}: {error}")
            return None

    def _child(self, value: Any, line: int, name: str) -> Located:
        return Located(value, file=self.file, line=line, name=name, problems=self.problems)

    def _line_of(self, key: Any) -> int:
        # Keys that come in through a merge (<<) have no line of their own.
        position = (self.value.lc.data or {}).get(key)
        return self.line if position is None else int(position[0]) + 1


class Section:
    """A mapping that is read name by name; :meth:`finish` refuses what nobody asked for."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self._values = dict(located.items()) if located.is_mapping() else {}
        self._asked: set[str] = set()
        if not located.is_mapping() and located.value is not None:
            located.problem(f"{located.name or 'the file'} is a mapping (name: value), not {_kind(located.value)}")

    def has(self, name: str) -> bool:
        """Whether the name is there with a value."""
        return name in self._values and self._values[name].value is not None

    def line(self, name: str = "") -> int:
        """Where the name is, or else the section."""
        return self._values[name].line if name in self._values else self.located.line

    def problem(self, message: str, name: str = "") -> None:
        """Note what is wrong with this value, or with the section."""
        self._values.get(name, self.located).problem(message)

    def get(self, name: str) -> Located | None:
        """The value as it is; None when it is absent or empty."""
        self._asked.add(name)
        return self._values[name] if self.has(name) else None

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        found = self.get(name)
        if found is None:
            return default
        if not isinstance(found.value, str):
            found.problem(f"{found.name} is a text, not {_kind(found.value)}; put it in quotes")
            return default
        return str(found.value)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        found = self.get(name)
        if found is None:
            return default
        if not isinstance(found.value, bool):
            found.problem(f"{found.name} is true or false, not {_kind(found.value)}")
            return default
        return found.value

    def whole(self, name: str, default: Any = None, *, minimum: int = 0) -> Any:
        """A whole number of at least ``minimum``."""
        found = self.get(name)
        if found is None:
            return default
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            found.problem(f"{found.name} is a whole number of at least {minimum}, not {_shown(value)}")
            return default
        return int(value)

    def number(self, name: str, default: Any = None, *, minimum: float = 0.0, maximum: float | None = None) -> Any:
        """A number within bounds."""
        found = self.get(name)
        if found is None:
            return default
        value = found.value
        too_much = maximum is not None and isinstance(value, int | float) and value > maximum
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= minimum or too_much:
            bounds = f"of at least {minimum:g}" if maximum is None else f"from {minimum:g} to {maximum:g}"
            found.problem(f"{found.name} is a number {bounds}, not {_shown(value)}")
            return default
        return float(value)

    def decimal(self, name: str) -> Decimal | None:
        """A number exactly as it is written."""
        found = self.get(name)
        if found is None:
            return None
        try:
            if isinstance(found.value, bool) or not isinstance(found.value, int | float | str):
                raise InvalidOperation
            # repr of a float is the shortest text that reads back as the same float: what was written.
            return Decimal(repr(float(found.value)) if isinstance(found.value, float) else str(found.value))
        except InvalidOperation:
            found.problem(f"{found.name} is a number, not {_shown(found.value)}")
            return None

    def dollars(self, name: str) -> int | None:
        """An amount of dollars, in nano-dollars."""
        amount = self.decimal(name)
        try:
            return None if amount is None else to_nano_usd(amount)
        except ValueError as error:
            self.problem(f"{self.located.name}.{name}: {error}", name)
            return None

    def instant(self, name: str) -> datetime | None:
        """A point in time: a day (its midnight) or a date and time, in UTC unless it says otherwise."""
        found = self.get(name)
        if found is None:
            return None
        value = found.value
        try:
            parsed = datetime.fromisoformat(value if isinstance(value, str) else value.isoformat())
        except (ValueError, AttributeError):
            found.problem(f"{found.name} is a date such as 2026-01-31, or 2026-01-31T12:00:00Z, not {_shown(value)}")
            return None
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).astimezone(UTC)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of a few words."""
        found = self.get(name)
        if found is None:
            return default
        if not isinstance(found.value, str) or found.value not in allowed:
            found.problem(
                f"{found.name} is one of {', '.join(allowed)}, not {_shown(found.value)}{_hint(found.value, allowed)}"
            )
            return default
        return str(found.value)

    def texts(self, name: str, allowed: Collection[str] | None = None) -> list[str]:
        """A list of texts; a single text counts as a list of one."""
        found = self.get(name)
        if found is None:
            return []
        elements = [found] if found.is_text() else found.elements() if found.is_list() else None
        if elements is None:
            found.problem(f"{found.name} is a list of texts, not {_kind(found.value)}")
            return []
        texts: list[str] = []
        for element in elements:
            if not element.is_text():
                element.problem(f"{element.name} is a text, not {_kind(element.value)}; put it in quotes")
            elif allowed is not None and element.value not in allowed:
                known = ", ".join(sorted(allowed))
                element.problem(
                    f"{found.name}: {element.value!r} is unknown{_hint(element.value, allowed)}; known: {known}"
                )
            elif element.value in texts:
                element.problem(f"{found.name} names {element.value!r} twice")
            else:
                texts.append(str(element.value))
        return texts

    def pairs(self, name: str) -> dict[str, str]:
        """Names and texts."""
        found = self.get(name)
        if found is None:
            return {}
        if not found.is_mapping():
            found.problem(f"{found.name} is a mapping (name: value), not {_kind(found.value)}")
            return {}
        pairs = {}
        for key, value in found.items():
            if value.value is not None and not value.is_text():
                value.problem(f"{value.name} is a text, not {_kind(value.value)}; put it in quotes")
            else:
                pairs[key] = str(value.value or "")
        return pairs

    def section(self, name: str) -> Section:
        """A mapping within; an absent one is empty."""
        found = self.get(name)
        if found is None:
            return Section(self.located._child(CommentedMap(), self.line(name), _join(self.located.name, name)))
        return Section(found)

    def named(self, name: str, *, bare: bool = False) -> list[tuple[str, Section]]:
        """Entries with names: a mapping by name, or a list of mappings with ``name`` (texts alone too, if ``bare``)."""
        found = self.get(name)
        if found is None:
            return []
        if found.is_mapping():
            return [(key, Section(value)) for key, value in found.items()]
        if not found.is_list():
            found.problem(f"{found.name} is a mapping by name or a list, not {_kind(found.value)}")
            return []
        entries = []
        for element in found.elements():
            if bare and element.is_text():
                entries.append((str(element.value), _entry(element._child(None, element.line, element.name))))
                continue
            entry = _entry(element)
            own_name = entry.text("name")
            if own_name:
                entries.append((own_name, entry))
            elif element.is_mapping() and not entry.has("name"):
                element.problem(f"{element.name} has no name")
        return entries

    def finish(self) -> None:
        """Refuse every name that was not asked for."""
        for name, value in self._values.items():
            if name not in self._asked:
                value.problem(f"{value.name}: unknown key{_hint(name, self._asked)}")


def parse(text: str, *, file: str, problems: Problems) -> Section | None:
    """The file's top level; None, with a problem, when it is no YAML."""
    yaml = YAML(typ="rt", pure=True)
    try:
        value = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(file, mark.line + 1 if mark else 1, str(error.problem or error.context or "is no YAML").strip())
        return None
    except YAMLError as error:
        problems.add(file, 1, f"is no YAML: {str(error).strip().splitlines()[0]}")
        return None
    except ValueError as error:
        # A date that the calendar does not have.
        problems.add(file, 1, f"holds an impossible value: {error}")
        return None
    return Section(Located(value, file=file, line=1, name="", problems=problems))


def _entry(value: Located) -> Section:
    section = Section(value)
    section._asked.add("name")
    return section


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _plain(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise TypeError(f"{_shown(value)} is not text, number, true, false, list or mapping; put it in quotes")


def _kind(value: Any) -> str:
    if isinstance(value, CommentedMap):
        return "a mapping"
    if isinstance(value, CommentedSeq):
        return "a list"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, CommentedMap | CommentedSeq):
        return _kind(value)
    return repr(str(value)) if isinstance(value, str) else str(value)


def _hint(word: object, known: Collection[str]) -> str:
    close = difflib.get_close_matches(str(word), sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
