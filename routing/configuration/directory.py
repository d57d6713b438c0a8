"""Applies, compares and exports a directory of configuration files."""

from __future__ import annotations

import difflib
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from django.db import connection, transaction
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from contracts.tenant_scope import across_tenants
from routing.configuration.budgets_file import BudgetsFile
from routing.configuration.files import ConfigurationFile, register, registered
from routing.configuration.located import Problem, Problems, Section, parse
from routing.configuration.providers_file import ProvidersFile
from routing.configuration.routing_file import RoutingFile
from routing.configuration.run import Run

_LOCK = 0x62775F636F6E66
"""Any number that no other lock uses: two runs at once would see each other's half."""
_MAX_BYTES = 10 * 1024 * 1024

_HEADERS = {
    "providers.yaml": "Providers and their models; prices in US dollars per million tokens.",
    "budgets.yaml": "Budgets in US dollars, and rate limits, by tenant.",
    "routing.yaml": "Routes: which calls they take and where these go.",
    "guardrails.yaml": "Policies of rules over prompts and answers.",
    "observability.yaml": "Channels, objectives, alert rules and escalations.",
}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, or would do; with problems it did nothing."""

    problems: list[Problem]
    changes: list[str]
    kept: list[str]
    difference: str = ""
    """The database before and after as a unified diff of the files; only of a comparison."""


@across_tenants("configuration files describe the whole installation")
def apply(directory: Path, *, prune: bool = False) -> Outcome:
    """Make the database as the files say, all of it or nothing.

    With ``prune``, rows that no file names are deleted (of the files that are there).
    """
    run, _before, _after = _run(directory, prune=prune, keep=True)
    return _outcome(run)


@across_tenants("configuration files describe the whole installation")
def compare(directory: Path, *, prune: bool = False) -> Outcome:
    """What :func:`apply` would change; changes nothing."""
    run, before, after = _run(directory, prune=prune, keep=False)
    return _outcome(run, _difference(before, after))


def export(directory: Path) -> list[Path]:
    """Write the files of what the database holds, over existing ones; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in exported().items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


@across_tenants("configuration files describe the whole installation")
def exported() -> dict[str, str]:
    """The text of each file that has something behind it."""
    texts = {}
    for file in registered():
        content = file.export()
        if content is not None:
            texts[file.name] = f"# {_HEADERS.get(file.name, file.name)}\n{_dump(content)}"
    return texts


def _run(directory: Path, *, prune: bool, keep: bool) -> tuple[Run, dict[str, str], dict[str, str]]:
    run = Run(prune=prune)
    found = _read(directory, run.problems)
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = {} if keep else exported()
        for file, top in found:
            file.apply(top, run)
        for file, top in reversed(found):
            file.remove(top, run)
        after = {} if keep else exported()
        if run.problems or not keep:
            transaction.set_rollback(True)
    return run, before, after


def _read(directory: Path, problems: Problems) -> list[tuple[ConfigurationFile, Section]]:
    if not directory.is_dir():
        problems.add(str(directory), 0, "is no directory")
        return []
    present = {path.name: path for path in sorted(directory.iterdir()) if path.suffix in (".yaml", ".yml")}
    known = {file.name for file in registered()}
    for name in present.keys() - known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else f": {', '.join(sorted(known))}"
        problems.add(name, 1, f"is none of the configuration files{hint}")
    if not present.keys() & known:
        problems.add(str(directory), 0, f"holds none of {', '.join(sorted(known))}")
    found = []
    for file in registered():
        if file.name in present and (top := _parse(present[file.name], problems)) is not None:
            found.append((file, top))
    return found


def _parse(path: Path, problems: Problems) -> Section | None:
    raw = path.read_bytes()
    if len(raw) > _MAX_BYTES:
        problems.add(path.name, 1, f"is larger than {_MAX_BYTES // 1024 // 1024} MB")
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add(path.name, raw.count(b"\n", 0, error.start) + 1, "is not UTF-8 text")
        return None
    return parse(text, file=path.name, problems=problems)


def _outcome(run: Run, difference: str = "") -> Outcome:
    problems = list(run.problems)
    return Outcome(
        problems=problems,
        changes=[] if problems else run.changes,
        kept=run.kept,
        difference="" if problems else difference,
    )


def _difference(before: dict[str, str], after: dict[str, str]) -> str:
    lines: list[str] = []
    for name in after:
        lines += difflib.unified_diff(
            before.get(name, "").splitlines(keepends=True),
            after[name].splitlines(keepends=True),
            f"{name} (database)",
            f"{name} (files)",
        )
    return "".join(lines)


def _dump(content: dict[str, Any]) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    yaml.default_flow_style = False
    stream = StringIO()
    yaml.dump(_short_lists_on_one_line(content), stream)
    return stream.getvalue()


def _short_lists_on_one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short_lists_on_one_line(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = CommentedSeq(_short_lists_on_one_line(item) for item in value)
    if not any(isinstance(item, dict | list) for item in value):
        items.fa.set_flow_style()
    return items


for _file in (ProvidersFile(), RoutingFile(), BudgetsFile()):
    register(_file)
