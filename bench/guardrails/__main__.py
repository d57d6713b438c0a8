"""``python -m bench.guardrails FILE...``: each file is measured as what its fields say it is.

Lines of JSON with ``text`` and ``spans`` are personal data; with ``text``, ``label`` (1: an attack) and ``source``,
prompts of which some are injections; with ``text`` and ``intent``, or ``prompt`` and ``subject``, topics.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bench.guardrails import personal_data


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.guardrails", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--without-presidio", action="store_true", help="do not run Presidio beside ours")
    arguments = parser.parse_args()
    for file in arguments.files:
        shape = _fields(file)
        print(f"\n# {file}")
        if {"text", "spans"} <= shape:
            personal_data.run(file, presidio=not arguments.without_presidio)
        elif {"text", "label", "source"} <= shape:
            import_module("bench.guardrails.injection").run(file)
        elif {"text", "intent"} <= shape or {"prompt", "subject"} <= shape:
            import_module("bench.guardrails.topics").run(file)
        else:
            print(f"Not measured: a line has {sorted(shape)}: no shape that is known here.")


def _fields(file: Path) -> set[str]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                first: Any = msgspec.json.decode(line)
                return set(first) if isinstance(first, dict) else set()
    return set()


if __name__ == "__main__":
    main()
