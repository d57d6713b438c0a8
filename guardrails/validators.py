"""What makes a list of rules valid: the shape, the kind's options, and what the kind can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from contracts.guardrails import Action, RuleSpec
from guardrails.engine.kinds import KINDS, RuleKind

MAX_RULES = 100
MAX_DEADLINE_MS = 30_000
RULE_ID = RegexValidator(
    r"\A[a-z0-9][a-z0-9_-]{0,63}\Z", "Lower-case letters, digits, hyphens and underscores, at most 64 of them."
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing to correct in a rule."""

    place: int
    """Which rule, from 0."""
    field: str
    """Name of the field; ``options.NAME`` for one of the kind's options."""
    message: str


class _Rule(RuleSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is stored: a misspelt field is no option left at its default."""


def rule_of(value: Any) -> RuleSpec:
    """The stored or posted rule as a spec.

    Raises:
        msgspec.ValidationError: it has not the shape of a rule.
    """
    return RuleSpec(**msgspec.structs.asdict(msgspec.convert(value, _Rule)))


def rules_of(value: Any) -> tuple[RuleSpec, ...]:
    """All of a valid list.

    Raises:
        msgspec.ValidationError: one has not the shape of a rule.
    """
    return tuple(rule_of(item) for item in value)


def stored(rule: RuleSpec) -> dict[str, Any]:
    """The rule as JSON, the same for the same rule."""
    plain: dict[str, Any] = msgspec.to_builtins(rule)
    plain["stages"] = sorted(plain["stages"])
    return plain


def validate_rules(value: Any) -> None:
    """A list of rules that can all be compiled.

    Raises:
        ValidationError: what is wrong, each with the number of the rule and the field.
    """
    found = list(problems_of(value))
    if found:
        raise ValidationError([_sentence(wrong, value) for wrong in found])


def problems_of(value: Any) -> Iterator[Wrong]:
    """Everything that is wrong with a list of rules."""
    if not isinstance(value, list):
        yield Wrong(0, "", "The rules are a list.")
        return
    if len(value) > MAX_RULES:
        yield Wrong(0, "", f"A policy has at most {MAX_RULES} rules.")
    seen: set[str] = set()
    for place, item in enumerate(value):
        try:
            rule = rule_of(item)
        except msgspec.ValidationError as error:
            yield Wrong(place, _field_of(error), _words_of(error))
            continue
        if rule.id in seen:
            yield Wrong(place, "id", f"There is a rule {rule.id!r} already.")
        seen.add(rule.id)
        for field, message in rule_problems(rule):
            yield Wrong(place, field, message)


def rule_problems(rule: RuleSpec) -> Iterator[tuple[str, str]]:
    """Field and message of everything that is wrong with one rule."""
    try:
        RULE_ID(rule.id)
    except ValidationError as error:
        yield "id", error.messages[0]
    if not rule.name.strip() or len(rule.name) > 100:
        yield "name", "Give it a name of at most 100 characters."
    if not 1 <= rule.deadline_ms <= MAX_DEADLINE_MS:
        yield "deadline_ms", f"From 1 to {MAX_DEADLINE_MS} ms."
    if len(rule.message) > 500:
        yield "message", "At most 500 characters."
    if not rule.stages:
        yield "stages", "Choose at least one."
    if rule.action is Action.REROUTE and not rule.reroute_to:
        yield "reroute_to", "Say to which route the call goes."
    kind = KINDS.get(rule.kind)
    if kind is None:
        yield "kind", f"There is no kind {rule.kind!r}; known: {', '.join(sorted(KINDS))}."
        return
    yield from _beyond(rule, kind)
    if kind.rule_problems is not None:
        yield from kind.rule_problems(rule)
    yield from option_problems(kind, rule.options)


def _beyond(rule: RuleSpec, kind: RuleKind) -> Iterator[tuple[str, str]]:
    wrong = sorted(stage.value for stage in rule.stages if stage not in kind.stages)
    if wrong:
        yield "stages", f"{kind.title} does not look at: {', '.join(wrong)}."
    if rule.action not in kind.actions:
        yield "action", f"{kind.title} cannot {rule.action.value}."


def option_problems(kind: RuleKind, options: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule's options: their types first, then what the kind itself finds when it is built."""
    try:
        converted = msgspec.convert(options, kind.options)
    except (msgspec.ValidationError, ValueError) as error:
        field = _field_of(error)
        yield f"options.{field}" if field else "options", _words_of(error)
        return
    if kind.option_problems is not None:
        for name, problem in kind.option_problems(converted):
            yield f"options.{name}", problem


def _field_of(error: Exception) -> str:
    """The name that msgspec gives behind its message: ``... - at `$.stages[0]```."""
    _, found, path = str(error).partition(" - at `$")
    name = path.rstrip("`").lstrip(".").split("[")[0].split(".")[0]
    if found:
        return name
    _, quoted, rest = str(error).partition("unknown field `")
    return rest.rstrip("`") if quoted else ""


def _words_of(error: Exception) -> str:
    message = str(error).partition(" - at `$")[0]
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")


def _sentence(wrong: Wrong, value: Any) -> str:
    if not wrong.field and not isinstance(value, list):
        return wrong.message
    item = value[wrong.place] if wrong.place < len(value) else {}
    name = item.get("name") or item.get("id") if isinstance(item, dict) else ""
    where = f"Rule {wrong.place + 1}" + (f" ({name})" if name else "")
    return f"{where}: {wrong.field + ': ' if wrong.field else ''}{wrong.message}"


def new_rule_id(name: str, taken: Sequence[str]) -> str:
    """A free id that resembles the name."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower())
    base = "-".join(part for part in plain.split("-") if part)[:56] or "rule"
    candidate, number = base, 2
    while candidate in taken:
        candidate, number = f"{base}-{number}", number + 1
    return candidate
