"""Stages, actions and modes as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from contracts.guardrails import Action, OnError, Stage
from guardrails.engine.kinds import KINDS
from guardrails.models import Policy


class Words(NamedTuple):
    """A choice with what it means, how it looks, and how it counts."""

    label: str
    text: str
    tone: str = "neutral"
    icon: str = ""


STAGES: dict[str, Words] = {
    Stage.INPUT: Words("Prompt", "What the caller sends."),
    Stage.OUTPUT: Words("Answer", "What the model answers."),
    Stage.RETRIEVED: Words("Retrieved text", "Passages that retrieval puts into the prompt."),
    Stage.TOOL_CALL: Words("Tool call", "Arguments with which the model wants a tool called."),
    Stage.TOOL_RESULT: Words("Tool result", "What a tool gave back."),
}
ACTIONS: dict[str, Words] = {
    Action.ALLOW: Words("Allow", "An exception: no later rule takes offence at the same characters.", "good", "check"),
    Action.FLAG: Words("Flag", "The call goes on; an event tells of it.", "info", "flag"),
    Action.REDACT: Words("Redact", "The characters are replaced for good.", "warn", "eye-off"),
    Action.MASK: Words("Mask", "Replaced, and put back where the answer uses them.", "warn", "arrows-right-left"),
    Action.REROUTE: Words("Reroute", "The call goes to another route.", "brand", "route"),
    Action.BLOCK: Words("Block", "The call is refused, or its answer withheld.", "bad", "ban"),
}
ON_ERROR: dict[str, Words] = {
    OnError.ALLOW: Words("Let the call go on", ""),
    OnError.BLOCK: Words("Block the call", ""),
}
MODES: dict[str, Words] = {
    Policy.Mode.OFF: Words("Off", "No call is looked at.", "neutral", "player-pause"),
    Policy.Mode.SHADOW: Words("Shadow", "Events tell what it would do; calls go on untouched.", "info", "eye"),
    Policy.Mode.ENFORCE: Words("Enforced", "It acts on calls.", "good", "shield-check"),
}

_WRITTEN_OUT = {"min": "minimum", "max": "maximum"}
"""Words of names that labels write out."""


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A stored rule in words."""

    id: str
    name: str
    kind: str
    stages: list[str]
    action: Words
    shadow: bool
    options: str
    deadline_ms: int
    reroute_to: str


def shown_rule(plain: dict[str, Any]) -> ShownRule:
    """The rule as a list shows it."""
    kind = KINDS.get(plain["kind"])
    stages = [words.label for stage, words in STAGES.items() if stage in plain["stages"]]
    return ShownRule(
        id=plain["id"],
        name=plain["name"],
        kind=kind.title if kind else plain["kind"],
        stages=["Every stage"] if len(stages) == len(STAGES) else stages,
        action=ACTIONS[plain["action"]],
        shadow=bool(plain.get("shadow")),
        options=options_in_words(plain.get("options") or {}),
        deadline_ms=plain.get("deadline_ms", 50),
        reroute_to=plain.get("reroute_to", ""),
    )


def options_in_words(options: dict[str, Any]) -> str:
    """What was set, shortened: ``Words: alpha, beta and 5 more``."""
    return " · ".join(f"{label_of(name)}: {_short(value)}" for name, value in options.items() if value not in ("", []))


def label_of(name: str) -> str:
    """A name of the configuration as a label."""
    words = " ".join(_WRITTEN_OUT.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        shown = ", ".join(map(_named, value[:3]))
        return f"{shown} and {len(value) - 3} more" if len(value) > 3 else shown
    if isinstance(value, dict):
        return "set" if value else "any"
    return str(value)


def _named(value: Any) -> str:
    """A member of a list; of a mapping its name."""
    return str(value.get("name", "set")) if isinstance(value, dict) else str(value)


def _whole(value: Any) -> str:
    """As :func:`_named`, with how much a mapping holds: what changed may be within it."""
    if not isinstance(value, dict):
        return str(value)
    held = [f"{len(items)} {name.replace('_', ' ')}" for name, items in value.items() if isinstance(items, list)]
    return f"{_named(value)} ({', '.join(held)})" if held else _named(value)


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule between two versions."""

    kind: str
    """``added``, ``removed``, ``changed`` or ``moved``."""
    what: str
    lines: list[tuple[str, str, str]]
    """Field, before and after."""


def differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Difference]:
    """What has to be done to one list of rules to get the other, by the rules' ids."""
    old, new = {rule["id"]: rule for rule in before}, {rule["id"]: rule for rule in after}
    found = [Difference("removed", rule["name"], []) for key, rule in old.items() if key not in new]
    kept_before = [key for key in old if key in new]
    kept_after = [key for key in new if key in old]
    for key, rule in new.items():
        if key not in old:
            found.append(Difference("added", rule["name"], [("", "", _summary(rule))]))
        elif lines := _changed(old[key], rule):
            found.append(Difference("changed", rule["name"], lines))
    if kept_before != kept_after:
        order = " → ".join(new[key]["name"] for key in kept_after)
        found.append(Difference("moved", "Order", [("", "", order)]))
    return found


def _summary(rule: dict[str, Any]) -> str:
    shown = shown_rule(rule)
    return f"{shown.kind}, {', '.join(shown.stages).lower()}: {shown.action.label.lower()}"


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    lines = [
        (label_of(name), _plain(before.get(name)), _plain(after.get(name)))
        for name in after
        if name != "options" and before.get(name) != after.get(name)
    ]
    old, new = before.get("options") or {}, after.get("options") or {}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            lines.append((label_of(name), _plain(old.get(name)), _plain(new.get(name))))
    return lines


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_whole, value)) if isinstance(value, list) else str(value)
