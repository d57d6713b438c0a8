#!/usr/bin/env python3
"""Hold a candidate to an evaluation gate from a pipeline that has nothing but Python 3.9 and an address.

One file of the standard library, to copy into the repository whose deploys it guards::

    export BREAKWATER_URL=https://gateway.example.org BREAKWATER_SERVICE_KEY=...
    python eval_gate.py GATE --candidate RUN/VARIANT --baseline RUN/VARIANT
    python eval_gate.py GATE --run run.json --candidate new --baseline old

With ``--run``, the file is the body of ``POST /api/v1/evaluation/runs`` without ``golden_set_id`` (it is the gate's):
the run is started, waited for, and ``--candidate`` and ``--baseline`` name variants of it (or ``RUN/VARIANT``).

Exit codes: 0 pass or undecided, 1 fail, 2 undecided with ``--strict`` (more items would tell),
3 nothing could be checked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

BROKEN = 3
TIMEOUT_S = 30.0
TRIES = 5
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
ENDED = ("done", "failed", "stopped")


class Broken(Exception):
    """Nothing could be checked; the text says why."""


class Api:
    """Breakwater's management API under one key."""

    def __init__(self, url: str, key: str, *, pause_s: float = 1.0) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise Broken(f"{url!r} is no address: it begins with https:// or http://.")
        self._base = url.rstrip("/") + "/api/v1/evaluation/"
        self._key = key
        self._pause_s = pause_s

    def get(self, path: str) -> Any:
        """The row that is there.

        Raises:
            Broken: there is no answer, or a refusal.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        """The answer. A request that is repeated has the same ``Idempotency-Key``, so nothing is started twice.

        Raises:
            Broken: there is no answer, or a refusal.
        """
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        why = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(self._pause_s * 2 ** (attempt - 1))
            request = urllib.request.Request(self._base + path, body, headers, method=method)  # noqa: S310 - see above
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as refusal:
                why = f"{method} {path} answers {refusal.code}: {_told(refusal)}"
                if refusal.code not in TRY_AGAIN:
                    break
            except (OSError, ValueError) as problem:
                why = f"{method} {path}: {problem}"
        raise Broken(why)


def _told(refusal: urllib.error.HTTPError) -> str:
    text = refusal.read(4_000).decode("utf-8", "replace")
    try:
        error = json.loads(text)["error"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300]


def run_of(api: Api, gate: Any, file: Path, *, wait_s: float, every_s: float) -> Any:
    """Start the run that the file describes over the gate's golden set, and wait until it is done.

    Raises:
        Broken: it cannot be started, failed, was stopped, or takes longer than ``wait_s``.
    """
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Broken(f"{file}: {problem}") from problem
    run = api.post("runs", {**body, "golden_set_id": gate["golden_set_id"]})
    print(f"Run {run['id']}: {run['total']} items", flush=True)
    deadline, shown = time.monotonic() + wait_s, -1
    while run["state"] not in ENDED:
        if time.monotonic() > deadline:
            raise Broken(f"Run {run['id']} has done {run['done']} of {run['total']} items after {wait_s:g} s.")
        time.sleep(every_s)
        run = api.get(f"runs/{run['id']}")
        if run["done"] != shown:
            shown = run["done"]
            print(f"  {shown} of {run['total']} items", flush=True)
    if run["state"] != "done":
        raise Broken(f"Run {run['id']} {run['state']}. {run['error']}".strip())
    return run


def check(api: Api, options: argparse.Namespace) -> int:
    """What the gate says, printed, and the exit code for it.

    Raises:
        Broken: nothing could be checked.
    """
    gate = api.get(f"gates/{options.gate}")
    held = {"candidate": options.candidate, "baseline": options.baseline}
    if options.run:
        run = run_of(api, gate, options.run, wait_s=options.wait, every_s=options.every)
        held = {side: name if "/" in name else f"{run['id']}/{name}" for side, name in held.items()}
    found = api.post(f"gates/{options.gate}/check", {**held, "strict": options.strict})
    print(json.dumps(found) if options.json else f"{found['outcome'].upper()}: {found['why']}")
    return int(found["exit_code"])


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    line = argparse.ArgumentParser(
        description="Hold a candidate to an evaluation gate. "
        "Exits 0: pass or undecided, 1: fail, 2: undecided with --strict, 3: not checked."
    )
    line.add_argument("gate", help="The gate's id.")
    line.add_argument("--candidate", required=True, help="RUN/VARIANT; with --run also a variant's name.")
    line.add_argument("--baseline", required=True, help="The same, of what it is held to.")
    line.add_argument("--run", type=Path, metavar="FILE", help="Start this run first (JSON), and wait for it.")
    line.add_argument("--wait", type=float, default=3_600, metavar="S", help="For the run, at most (3600).")
    line.add_argument("--every", type=float, default=5, metavar="S", help="Between looks at the run (5).")
    line.add_argument("--strict", action="store_true", help="Undecided is no pass.")
    line.add_argument("--json", action="store_true", help="Print the outcome as JSON.")
    line.add_argument("--url", default=os.environ.get("BREAKWATER_URL", ""), help="Or BREAKWATER_URL.")
    return line


def main(argv: list[str] | None = None) -> int:
    """The exit code."""
    options = parser().parse_args(argv)
    key = os.environ.get("BREAKWATER_SERVICE_KEY", "")
    try:
        if not key:
            raise Broken("BREAKWATER_SERVICE_KEY holds no service key.")
        return check(Api(options.url, key), options)
    except Broken as problem:
        print(f"Not checked: {problem}", file=sys.stderr)
        return BROKEN


if __name__ == "__main__":
    sys.exit(main())
