"""Documents and deployment files are held against the code that they speak of."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from contracts import errors
from contracts.errors import GatewayError, ProviderError
from contracts.probes import registered_gauges
from controlplane.settings.env import EnvironmentReader, build_environment
from events.collector.metrics import CollectorMetrics
from events.engine.metrics import GatewayMetrics
from routing.catalogue import PUBLIC

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMPOSE = ROOT / "docker-compose.yml"
CONFIGURATION = ROOT / "docs" / "CONFIGURATION.md"
# Look like names of metrics in expressions.
LABELS_OF_METRICS = {"gen_ai_token_type"}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(_read(path))


# --- environment variables ------------------------------------------------------------------------


def _variables_of_settings() -> set[str]:
    reader = EnvironmentReader({})
    build_environment(reader)
    return set(reader.names)


def _variables_of_providers() -> set[str]:
    return {known.credential for known in PUBLIC} | {"VLLM_BASE_URL"}


def _variables_of_compose() -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", _read(COMPOSE)))


def _known_variables() -> set[str]:
    return _variables_of_settings() | _variables_of_providers() | _variables_of_compose()


def test_the_environment_template_names_every_variable_and_no_other():
    named = set(re.findall(r"^#?([A-Z_]+)=", _read(ROOT / ".env.example"), re.MULTILINE))
    assert named == _known_variables()


def test_the_configuration_document_has_a_row_for_every_variable_and_no_other():
    first_cells = re.findall(r"^\| (`[A-Z].*?) \|", _read(CONFIGURATION), re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert named == _known_variables()


def test_the_configuration_document_shows_the_defaults_of_the_code():
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", _read(CONFIGURATION), re.MULTILINE))
    environment = build_environment(EnvironmentReader({}))
    assert int(rows["PORT"]) == environment.port
    assert int(rows["GATEWAY_MAX_BODY_BYTES"]) == environment.max_body_bytes
    assert int(rows["GATEWAY_BODY_TIMEOUT_S"]) == environment.body_timeout_s
    assert int(rows["GATEWAY_SPEC_TTL_S"]) == environment.spec_ttl_s
    assert int(rows["GATEWAY_KEY_CACHE_SIZE"]) == environment.key_cache_size
    assert int(rows["GATEWAY_TENANT_CACHE_SIZE"]) == environment.tenant_cache_size
    assert int(rows["SPOOL_MAX_BYTES"]) == environment.spool_max_bytes
    assert int(rows["METRICS_TENANT_LIMIT"]) == environment.metrics_tenant_limit
    assert int(rows["CELERY_CONCURRENCY"]) == environment.celery_concurrency
    assert int(rows["CELERY_TASK_TIME_LIMIT_S"]) == environment.celery_task_time_limit_s


def test_compose_hands_every_variable_to_the_processes_or_fixes_it():
    given = set(_yaml(COMPOSE)["services"]["worker"]["environment"])
    fixed_by_the_image = set(re.findall(r"^ +([A-Z_]+)=", _read(ROOT / "Dockerfile"), re.MULTILINE))
    left_alone = {"DEBUG", "DATABASE_POOL_SIZE", "SPOOL_DIR", "STATIC_ROOT"}
    assert _variables_of_settings() - fixed_by_the_image - left_alone <= given
    assert _variables_of_providers() <= given


# --- errors ---------------------------------------------------------------------------------------


def _error_classes(of: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for error in of.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from _error_classes(error)


def _error_rows() -> list[str]:
    rows = {}
    for error in _error_classes():
        # A class that another one specialises without a code of its own says the same to the caller.
        if error is ProviderError or error.code not in rows:
            meaning = " ".join((error.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
            retryable = "yes" if error.retryable else "no"
            rows[error.code] = f"| `{error.code}` | {error.status} | `{error.type}` | {retryable} | {meaning} |"
    return list(rows.values())


def test_the_table_of_errors_is_that_of_the_code():
    table = _read(ROOT / "docs" / "API.md").split("<!-- errors: begin", 1)[1].split("<!-- errors: end -->", 1)[0]
    assert [row for row in table.splitlines() if row.startswith("| `")] == _error_rows(), "\n".join(_error_rows())


def test_every_error_code_that_the_deployment_files_name_exists():
    known = {error.code for error in _error_classes()} | {"ok", "CLIENT_DISCONNECTED"}
    for path in (ROOT / "deploy" / "prometheus" / "alerts.yml", _dashboard_path()):
        for alternatives in re.findall(r'status!~\\?"([^"\\]+)', _read(path)):
            assert set(alternatives.split("|")) <= known, path


# --- metrics --------------------------------------------------------------------------------------


def _dashboard_path() -> Path:
    return ROOT / "deploy" / "grafana" / "dashboards" / "breakwater.json"


def _metric_names() -> set[str]:
    registry = CollectorRegistry()
    CollectorMetrics(registry)
    names = {gauge.name for gauge in registered_gauges()}
    for family in [*GatewayMetrics().registry.collect(), *registry.collect()]:
        if family.type == "counter":
            names.add(f"{family.name}_total")
        elif family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(family.name)
    return names


def _named_metrics(expression: str) -> set[str]:
    found = set(re.findall(r"\b(?:gateway|gen_ai|events|alerting)_[a-z_]+", re.sub(r'"[^"]*"', "", expression)))
    return found - LABELS_OF_METRICS


def _dashboard_expressions() -> list[str]:
    panels = msgspec.json.decode(_dashboard_path().read_bytes())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def _alert_expressions() -> list[str]:
    groups = _yaml(ROOT / "deploy" / "prometheus" / "alerts.yml")["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def test_every_metric_of_the_dashboard_exists():
    assert _dashboard_expressions()
    for expression in _dashboard_expressions():
        assert _named_metrics(expression) <= _metric_names(), expression


def test_every_metric_of_the_alert_rules_exists():
    for expression in _alert_expressions():
        assert _named_metrics(expression) <= _metric_names(), expression


def test_the_dashboard_shows_every_metric():
    shown = set().union(*(_named_metrics(expression) for expression in _dashboard_expressions()))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in _metric_names()}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}


def test_every_alert_says_what_to_do():
    for group in _yaml(ROOT / "deploy" / "prometheus" / "alerts.yml")["groups"]:
        for rule in group["rules"]:
            document, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert anchor in _anchors(ROOT / document), rule["alert"]


def _tables() -> set[str]:
    """Of the ledger, whose names begin like those of metrics."""
    migrations = (ROOT / "events" / "migrations").glob("*.py")
    return {name for path in migrations for name in re.findall(r"CREATE TABLE (\w+)", _read(path))}


def test_metrics_named_in_documents_exist():
    names = _tables() | _metric_names() | {re.sub(r"_(bucket|sum|count)$", "", name) for name in _metric_names()}
    for path in DOCUMENTS:
        quoted = re.findall(r"`((?:gateway|gen_ai|events)_[a-z_]+)`", _read(path))
        assert {name for name in quoted if not name.endswith("_id")} - LABELS_OF_METRICS <= names, path.name


# --- documents ------------------------------------------------------------------------------------


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them: lower case, punctuation gone, blanks to hyphens."""
    text = re.sub(r"^```.*?^```", "", _read(path), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_documents_resolves(path):
    text = re.sub(r"^```.*?^```", "", _read(path), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_of_the_documents_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", _read(ROOT / "Makefile"), re.MULTILINE))
    text = _read(path)
    quoted = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text, re.MULTILINE)
    assert set(quoted) <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_quotes_exists(path):
    roots = "|".join(sorted(folder.name for folder in ROOT.iterdir() if folder.is_dir() and folder.name.isidentifier()))
    for quoted in re.findall(rf"`((?:{roots})/[\w./-]+)`", _read(path)):
        if not quoted.startswith("var/"):
            # Templates and static files are named as Django's loaders do.
            assert any((base / quoted).exists() for base in (ROOT, ROOT / "templates", ROOT / "static")), quoted


def test_every_class_that_the_interfaces_name_exists():
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", _read(ROOT / "docs" / "INTERFACES.md")))
    code = "\n".join(text for name, text in _tracked_texts() if name.endswith(".py"))
    assert named
    assert {name for name in named if not re.search(rf"^class {name}\b", code, re.MULTILINE)} == set()


def _tracked_texts() -> Iterator[tuple[str, str]]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 5_000_000:
            yield name, path.read_bytes().decode("utf-8", "replace")


def test_no_tracked_file_names_a_place_of_one_machine():
    # Written in pieces, or this file would be the first find.
    places = ["/wo" + "rk/", "/tmp/" + "dev/", "/ro" + "ot/.", "/opt/py" + "pi"]
    found = [(name, place) for name, text in _tracked_texts() for place in places if place in text]
    assert found == []


def test_lock_files_name_no_address():
    for name, text in _tracked_texts():
        if name.endswith(".lock"):
            assert "://" not in text, name


# --- containers -----------------------------------------------------------------------------------


def test_the_image_is_built_from_what_exists_and_holds_every_app():
    dockerfile = _read(ROOT / "Dockerfile")
    kept = set(re.findall(r"^!(.+)$", _read(ROOT / ".dockerignore"), re.MULTILINE))
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for source in line.split():
            assert source == "." or ((ROOT / source).exists() and source in kept), source
    # An installed app has an __init__.py that says so; tests, benchmarks and what deploys stay outside.
    apps = {init.parent.name for init in ROOT.glob("*/__init__.py")} - {"tests", "bench", "deploy"}
    assert apps <= kept


def test_the_image_runs_as_nobody_in_particular_and_checks_hashes():
    dockerfile = _read(ROOT / "Dockerfile")
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    assert dockerfile.count("FROM ") == 2
    assert "/health" in dockerfile.partition("HEALTHCHECK")[2].partition("\nCMD")[0]
    assert "--require-hashes" in _read(ROOT / ".ci" / "install")


def test_compose_has_all_parts_and_mounts_files_that_exist():
    services = _yaml(COMPOSE)["services"]
    parts = {"postgres", "redis", "migrate", "web", "gateway", "worker", "beat", "collector", "prometheus", "grafana"}
    assert parts | {"otel-collector"} <= set(services)
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source


def test_processes_that_share_metric_files_share_their_process_ids():
    """Files are named by process id, and those of ids that nobody has are taken for dead."""
    compose = _yaml(COMPOSE)
    shared = {name for name in compose["volumes"] if "metrics" in name}
    users = [
        (name, service.get("pid"))
        for name, service in compose["services"].items()
        if any(volume.partition(":")[0] in shared for volume in service.get("volumes", []))
    ]
    assert users == [("web", None), ("collector", "service:web")]


def test_all_breakwater_processes_share_the_data_volume():
    for name, service in _yaml(COMPOSE)["services"].items():
        if "breakwater" in str(service["image"]):
            assert "data:/data" in service["volumes"], name


def _compose_command() -> list[str]:
    """`docker compose`, or its predecessor."""
    for command in (["docker", "compose"], ["docker-compose"]):
        program = shutil.which(command[0])
        if program and not subprocess.run([program, *command[1:], "version"], capture_output=True).returncode:
            return [program, *command[1:]]
    pytest.skip("docker compose is not installed")


def test_docker_compose_accepts_the_file():
    done = subprocess.run([*_compose_command(), "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_prometheus_accepts_the_alert_rules(arguments):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    folder = ROOT / "deploy" / "prometheus"
    done = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
