"""Configuration directories for tests."""

from pathlib import Path
from textwrap import dedent

from routing.configuration.directory import Outcome, apply

PROVIDERS = """\
providers:
  openai:
    base_url: https://api.openai.com/v1
    api_key_env: OPENAI_API_KEY
    timeout_ms: 20000
    max_in_flight: 50
    models:
      gpt-4o: {prices: {input: 2.5, output: 10}}
      gpt-4o-mini: {}
  sandbox:
    models: [sandbox-small]
"""

ROUTING = """\
routes:
  - name: fast
    match: {mode: direct}
    policy:
      primary: openai/gpt-4o-mini
      fallbacks: [sandbox/sandbox-small]
    constraints: {max_latency_ms: 2500}
"""


def write(directory: Path, **files: str) -> Path:
    """Write ``providers=...`` to ``providers.yaml`` and so on."""
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(dedent(text), encoding="utf-8")
    return directory


def applied(directory: Path, *, prune: bool = False, **files: str) -> Outcome:
    """Write the files, apply the directory, and expect no problem."""
    outcome = apply(write(directory, **files), prune=prune)
    assert [str(problem) for problem in outcome.problems] == []
    return outcome


def refused(directory: Path, **files: str) -> list[str]:
    """Write the files, apply the directory, and expect problems only."""
    outcome = apply(write(directory, **files))
    assert outcome.changes == []
    return [str(problem) for problem in outcome.problems]
