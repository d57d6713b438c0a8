"""Policies as YAML: the same entries in the console's export and import and in ``guardrails.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from contracts.guardrails import RuleSpec
from guardrails.cases import CaseEntry, cases_of, entries_in, entry_of
from guardrails.models import Policy
from guardrails.validators import new_rule_id, problems_of, rule_of

USUAL_ORDER = 100
MODES = tuple(Policy.Mode.values)
_RULE_DEFAULTS = {"deadline_ms": 50, "on_error": "allow", "shadow": False, "reroute_to": "", "message": ""}


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One policy of a file."""

    name: str
    description: str = ""
    order: int = USUAL_ORDER
    mode: str = Policy.Mode.OFF
    routes: list[str] = []
    rules: list[RuleSpec] = []
    cases: list[CaseEntry] = []


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    tenant: str = ""
    description: str = ""
    order: int = USUAL_ORDER
    mode: str = Policy.Mode.OFF
    routes: list[str] = []
    keys: list[str] = []
    rules: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []


def document_of(
    policy: Policy, rules: Sequence[Mapping[str, Any]] | None = None, *, with_cases: bool = True
) -> dict[str, Any]:
    """The policy as the file has it, what is at its default left out; its draft unless ``rules`` are given.

    ``with_cases``: whether whoever gets it may read the texts of its cases.
    """
    entry: dict[str, Any] = {"name": policy.name}
    if policy.tenant is not None:
        entry["tenant"] = policy.tenant.slug
    if policy.description:
        entry["description"] = policy.description
    entry["mode"] = str(policy.mode)
    if policy.order != USUAL_ORDER:
        entry["order"] = policy.order
    if policy.routes:
        entry["routes"] = list(policy.routes)
    entry["rules"] = [rule_entry(rule) for rule in (policy.rules if rules is None else rules)]
    if with_cases and (cases := [entry_of(case) for case in cases_of(policy)]):
        entry["cases"] = cases
    return entry


def rule_entry(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A stored rule as the file has it."""
    entry = {name: rule[name] for name in ("id", "name", "kind", "stages", "action")}
    if rule.get("options"):
        entry["options"] = rule["options"]
    entry |= {name: rule[name] for name, usual in _RULE_DEFAULTS.items() if rule.get(name, usual) != usual}
    return entry


def written(entries: Sequence[Mapping[str, Any]]) -> str:
    """The text of a file with these policies."""
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    stream = StringIO()
    yaml.dump({"policies": [_short_lists(dict(entry)) for entry in entries]}, stream)
    return stream.getvalue()


def read_policies(text: str) -> list[Document]:
    """The policies of a file.

    Raises:
        ValidationError: it is no YAML, or holds something that is no policy; says where.
    """
    try:
        plain = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValidationError(f"This is no YAML: {' '.join(str(error).split())}") from error
    entries = plain.get("policies") if isinstance(plain, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValidationError("The file holds a list “policies” with at least one entry.")
    try:
        found = msgspec.convert(entries, list[_Entry])
    except msgspec.ValidationError as error:
        raise ValidationError(f"{error}".replace("`$", "`policies")) from error
    return [_document(entry) for entry in found]


def _document(entry: _Entry) -> Document:
    if entry.mode not in MODES:
        raise ValidationError(f"{entry.name}: mode is one of {', '.join(MODES)}.")
    return Document(
        name=entry.name,
        description=entry.description,
        order=entry.order,
        mode=entry.mode,
        routes=entry.routes,
        rules=rules_in(entry.rules, entry.name),
        cases=entries_in(entry.cases, entry.name),
    )


def rules_in(plain: Iterable[Mapping[str, Any]], policy: str) -> list[RuleSpec]:
    """The rules of an entry; one without an id gets one from its name.

    Raises:
        ValidationError: one is not valid; each is named with the policy and its place.
    """
    rules = with_ids(plain)
    wrong = [f"{policy}, rule {one.place + 1}: {one.field}: {one.message}" for one in problems_of(rules)]
    if wrong:
        raise ValidationError(wrong)
    return [rule_of(rule) for rule in rules]


def with_ids(plain: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rules, each with an id."""
    rules = [dict(rule) for rule in plain]
    taken = [str(rule["id"]) for rule in rules if rule.get("id")]
    for rule in rules:
        if not rule.get("id"):
            rule["id"] = new_rule_id(str(rule.get("name", "")), taken)
            taken.append(rule["id"])
    return rules


def _short_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short_lists(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = CommentedSeq(_short_lists(item) for item in value)
    if not any(isinstance(item, dict | list) for item in value):
        items.fa.set_flow_style()
    return items
