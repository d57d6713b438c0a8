from pathlib import Path

import pytest

from routing.configuration.directory import apply, compare
from routing.models import Model, Provider, Route
from tenants.audit import AuditEntry
from tenants.services import create_tenant
from tests.routing.configuration.directories import PROVIDERS, ROUTING, applied, refused, write

pytestmark = pytest.mark.django_db


def test_providers_and_routes_are_created_as_written(tmp_path: Path):
    outcome = applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    openai = Provider.objects.get(name="openai")
    assert (openai.kind, openai.secret_ref, openai.timeout_ms, openai.max_in_flight) == (
        "openai",
        "env:OPENAI_API_KEY",
        20000,
        50,
    )
    assert openai.models.get(name="gpt-4o").prices.get().input == 2_500_000_000
    assert Provider.objects.get(name="sandbox").base_url == "sandbox://"
    route = Route.objects.get(name="fast")
    assert (route.match_modes, route.max_latency_ms) == (["direct"], 2500)
    assert [(str(target.model), target.priority) for target in route.targets.all()] == [
        ("openai/gpt-4o-mini", 0),
        ("sandbox/sandbox-small", 1),
    ]
    assert "created provider openai" in outcome.changes


def test_a_second_run_changes_nothing_and_audits_nothing(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    entries = AuditEntry.objects.count()
    assert applied(tmp_path).changes == []
    assert AuditEntry.objects.count() == entries


def test_a_change_is_made_and_told_by_field(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS)
    outcome = applied(tmp_path, providers=PROVIDERS.replace("20000", "30000"))
    assert outcome.changes == ["changed provider openai: timeout_ms"]
    assert Provider.objects.get(name="openai").timeout_ms == 30000


def test_a_field_that_is_no_longer_written_returns_to_its_default(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS)
    applied(tmp_path, providers=PROVIDERS.replace("    max_in_flight: 50\n", ""))
    assert Provider.objects.get(name="openai").max_in_flight == 100


def test_a_model_that_is_no_longer_listed_is_deleted(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS)
    outcome = applied(tmp_path, providers=PROVIDERS.replace("      gpt-4o-mini: {}\n", ""))
    assert outcome.changes == ["deleted model openai/gpt-4o-mini"]


def test_models_stay_where_a_provider_lists_none(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS)
    applied(tmp_path, providers="providers: {sandbox: {max_in_flight: 7}}")
    assert Model.objects.filter(provider__name="sandbox").count() == 1


def test_a_model_that_a_kept_route_uses_is_not_deleted_and_the_line_is_told(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    (tmp_path / "routing.yaml").unlink()
    problems = refused(tmp_path, providers=PROVIDERS.replace("      gpt-4o-mini: {}\n", ""))
    assert problems == ["providers.yaml:7: model openai/gpt-4o-mini is still used by: fast → openai/gpt-4o-mini."]
    assert Model.objects.filter(name="gpt-4o-mini").exists()


def test_a_target_and_its_model_can_go_in_one_run(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    applied(
        tmp_path,
        providers=PROVIDERS.replace("      gpt-4o-mini: {}\n", ""),
        routing=ROUTING.replace("gpt-4o-mini", "gpt-4o"),
    )
    assert not Model.objects.filter(name="gpt-4o-mini").exists()


def test_a_target_that_stays_keeps_its_id(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    before = Route.objects.get().targets.get(model__name="sandbox-small").pk
    applied(tmp_path, routing=ROUTING.replace("gpt-4o-mini", "gpt-4o"))
    assert Route.objects.get().targets.get(model__name="sandbox-small").pk == before


def test_rows_that_no_file_names_are_kept_and_told(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    outcome = applied(tmp_path, providers="providers: {}", routing="routes: []")
    assert outcome.changes == []
    assert sorted(outcome.kept) == ["provider openai", "provider sandbox", "route fast"]


def test_pruning_deletes_what_no_file_names(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    applied(tmp_path, providers="providers: {sandbox: {}}", routing="routes: []", prune=True)
    assert [row.name for row in Provider.objects.all()] == ["sandbox"]
    assert not Route.objects.exists()


def test_pruning_touches_only_the_files_that_are_there(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    (tmp_path / "providers.yaml").unlink()
    applied(tmp_path, routing="routes: []", prune=True)
    assert Provider.objects.count() == 2


def test_the_default_moves_from_one_route_to_another_in_one_run(tmp_path: Path):
    routes = """\
    routes:
      - {name: a, default: %s, policy: {primary: sandbox/sandbox-small}}
      - {name: b, default: %s, policy: {primary: sandbox/sandbox-small}}
    """
    applied(tmp_path, providers=PROVIDERS, routing=routes % ("false", "true"))
    applied(tmp_path, routing=routes % ("true", "false"))
    assert Route.objects.get(is_default=True).name == "a"


def test_a_pruned_default_makes_room_for_a_new_one(tmp_path: Path):
    route = "routes: [{name: %s, default: true, policy: {primary: sandbox/sandbox-small}}]"
    applied(tmp_path, providers=PROVIDERS, routing=route % "old")
    applied(tmp_path, routing=route % "new", prune=True)
    assert Route.objects.get().name == "new"


def test_a_tenants_route_prefers_the_tenants_own_provider(tmp_path: Path):
    create_tenant(slug="acme", name="Acme")
    applied(
        tmp_path,
        providers="""\
        providers:
          - {name: sandbox, models: [small]}
          - {name: sandbox, tenant: acme, models: [small]}
        """,
        routing="""\
        routes:
          - name: own
            match: {tenant: acme}
            policy: {primary: sandbox/small, fallbacks: [{model: sandbox/small, shared: true}]}
        """,
    )
    targets = Route.objects.get(tenant__slug="acme").targets.select_related("model__provider__tenant")
    assert [target.model.provider.tenant and target.model.provider.tenant.slug for target in targets] == ["acme", None]


def test_weights_breakers_and_dropped_fields_are_stored(tmp_path: Path):
    applied(
        tmp_path,
        providers=PROVIDERS,
        routing="""\
        routes:
          - name: shared-out
            policy:
              strategy: weighted
              targets:
                - {provider: openai, model: gpt-4o, weight: 3, drop_params: [seed]}
                - {model: sandbox/sandbox-small, priority: 2, breaker: {failure_rate: 0.3, open_s: 5}}
        """,
    )
    first, second = Route.objects.get().targets.all()
    assert (first.weight, first.drop_params, first.priority) == (3, ["seed"], 0)
    assert (second.priority, second.breaker_failure_rate, second.breaker_open_s) == (2, 0.3, 5.0)


def test_everything_that_is_wrong_is_told_in_one_run_and_nothing_is_applied(tmp_path: Path):
    problems = refused(
        tmp_path,
        providers="""\
        providers:
          openai:
            timeout_ms: 0
            api_key_env: "not a name"
            colour: red
          mystery:
            base_url: https://example.com
          sandbox:
            tenant: nobody
            models:
              small:
                capabilities: [chat, telepathy]
                prices: {input: 1}
        """,
        routing="""\
        routes:
          - name: a b
            policy: {primary: openai/missing, strategy: fastest}
          - name: empty
          - name: wrong
            policy:
              primary: gpt-4o
              retries: 3
        """,
    )
    assert [problem.partition(": ")[0] for problem in problems] == [
        "providers.yaml:3",
        "providers.yaml:4",
        "providers.yaml:5",
        "providers.yaml:6",
        "providers.yaml:9",
        "providers.yaml:12",
        "providers.yaml:13",
        "routing.yaml:2",
        "routing.yaml:3",
        "routing.yaml:4",
        "routing.yaml:7",
        "routing.yaml:8",
    ]
    assert not Provider.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_target_at_a_provider_that_is_itself_wrong_is_not_told_as_missing(tmp_path: Path):
    problems = refused(tmp_path, providers=PROVIDERS.replace("https://api", "ftp://api"), routing=ROUTING)
    assert len(problems) == 1
    assert problems[0].startswith("providers.yaml:3: provider openai: base_url: ")


def test_a_price_without_its_counterpart_is_told_at_the_model(tmp_path: Path):
    problems = refused(tmp_path, providers="providers:\n  sandbox:\n    models:\n      s: {prices: {input: 1}}\n")
    assert problems == ["providers.yaml:4: a price needs both input and output"]


def test_names_that_come_twice_are_refused(tmp_path: Path):
    problems = refused(
        tmp_path,
        providers="providers:\n  - {name: sandbox, models: [s, s]}\n  - name: sandbox\n",
        routing="""\
        routes:
          - {name: a, policy: {primary: sandbox/s, fallbacks: [sandbox/s]}}
          - {name: a, policy: {primary: sandbox/s}}
        """,
    )
    assert problems == [
        "providers.yaml:2: model s is there twice",
        "providers.yaml:3: provider sandbox is there twice",
        "routing.yaml:2: route a has the target sandbox/s twice",
        "routing.yaml:3: route a is there twice",
    ]


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path):
    assert refused(tmp_path, provider="providers: {}") == [
        f"{tmp_path}:0: holds none of budgets.yaml, guardrails.yaml, observability.yaml, providers.yaml, routing.yaml",
        "provider.yaml:1: is none of the configuration files; did you mean providers.yaml?",
    ]


def test_a_directory_that_is_not_there_is_told(tmp_path: Path):
    [problem] = apply(tmp_path / "nowhere").problems
    assert problem.message == "is no directory"


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path):
    (tmp_path / "routing.yaml").write_bytes(b"routes:\n  - name: caf\xe9\n")
    assert [str(problem) for problem in apply(tmp_path).problems] == ["routing.yaml:2: is not UTF-8 text"]


def test_a_comparison_changes_nothing(tmp_path: Path):
    outcome = compare(write(tmp_path, providers=PROVIDERS, routing=ROUTING))
    assert len(outcome.changes) == 9
    assert not Provider.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_comparison_shows_the_lines_that_change(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS)
    outcome = compare(write(tmp_path, providers=PROVIDERS.replace("20000", "30000")))
    assert "--- providers.yaml (database)\n+++ providers.yaml (files)\n" in outcome.difference
    assert "-    timeout_ms: 20000\n+    timeout_ms: 30000\n" in outcome.difference


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ("{primary: sandbox/s, targets: [sandbox/s]}", "either primary and fallbacks, or targets"),
        ("{primary: 3}", "is 'provider/model', or a mapping with model"),
        ("{primary: {weight: 2}}", "needs a model, written as provider/model"),
        ("{primary: sandbox/s, fallbacks: 3}", "policy.fallbacks is a list of targets"),
        ("{primary: {model: sandbox/s, breaker: {failure_rate: 2}}}", "a number from 0.01 to 1"),
        ("{primary: {model: sandbox/s, drop_params: [seeed]}}", "did you mean 'seed'?"),
        ("[sandbox/s]", "routes[0].policy is a mapping (name: value), not a list"),
        ("{primary: sandbox/s, hedge: maybe}", "true or false"),
    ],
)
def test_a_policy_of_the_wrong_shape_is_told_at_its_line(tmp_path: Path, policy: str, complaint: str):
    problems = refused(
        tmp_path,
        providers="providers: {sandbox: {models: [s]}}",
        routing=f"routes:\n  - name: r\n    policy: {policy}\n",
    )
    assert any(problem.startswith("routing.yaml:3: ") and complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("provider", "complaint"),
    [
        ("{api_key_env: A, secret_ref: 'env:B'}", "either api_key_env or secret_ref"),
        ("{headers: [a]}", "headers is a mapping"),
        ("{headers: {x-n: 1}}", "put it in quotes"),
        ("{base_url: 3}", "is a text, not 3"),
        ("{models: 3}", "models is a mapping by name or a list"),
        ("{models: {s: {prices: {input: -1, output: 1}}}}", "0 or more"),
        ("{models: {s: {prices: {input: cheap, output: 1}}}}", "is a number, not 'cheap'"),
        ("{models: {s: {capabilities: {chat: true}}}}", "is a list of texts"),
        ("{options: {at: 2024-01-01}}", "put it in quotes"),
    ],
)
def test_a_provider_of_the_wrong_shape_is_told_at_its_line(tmp_path: Path, provider: str, complaint: str):
    problems = refused(tmp_path, providers=f"providers:\n  sandbox: {provider}\n")
    assert any(problem.startswith("providers.yaml:2: ") and complaint in problem for problem in problems), problems


def test_a_rule_over_several_fields_is_told_at_the_routes_line(tmp_path: Path):
    problems = refused(
        tmp_path,
        providers=PROVIDERS,
        routing="""\
        routes:
          - name: r
            policy: {primary: sandbox/sandbox-small, retry: {base_ms: 9, cap_ms: 5}}
        """,
    )
    assert problems == [
        "routing.yaml:2: route r: At least one attempt, and the longest back-off is no shorter than the first."
    ]
