import os
import subprocess
import sys
from pathlib import Path

from contracts.events import BreakerStateChanged, FallbackUsed
from events.engine.metric_files import ARCHIVE_PID, archive_dead_processes
from events.engine.metrics import GatewayMetrics
from tests.events.builders import attempt_failed, completed, context, failed, rejected, started


def test_a_call_is_counted_with_its_tokens_cost_and_durations():
    metrics = GatewayMetrics()
    of = context(tenant_id="t1")
    metrics.observe(started(), of)
    metrics.observe(completed(input_tokens=7, output_tokens=3, cost_nanousd=1500, first_token_ms=4.0), of)
    text = metrics.render().decode()
    call = 'route="default",target="openai/gpt",tenant="t1"'
    assert (
        'gateway_requests_total{operation="chat",route="default",status="ok",target="openai/gpt",tenant="t1"} 1.0'
        in text
    )
    assert f'gen_ai_client_token_usage_total{{gen_ai_token_type="input",{call}}} 7.0' in text
    assert f"gateway_cost_nanousd_total{{{call}}} 1500.0" in text
    assert f"gen_ai_server_request_duration_seconds_sum{{{call}}} 0.0125" in text
    assert "gateway_requests_in_flight 0.0" in text


def test_failures_rejections_attempts_and_breakers_are_counted():
    metrics = GatewayMetrics()
    of = context()
    metrics.observe(failed(), of)
    metrics.observe(rejected(), of)
    metrics.observe(attempt_failed(), of)
    metrics.observe(FallbackUsed(from_target="a/m", to_target="b/m", reason="PROVIDER_TIMEOUT"), of)
    metrics.observe(
        BreakerStateChanged(target_id="t", target="a/m", old_state="closed", new_state="open", reason="failure_rate"),
        of,
    )
    text = metrics.render().decode()
    assert 'status="PROVIDER_TIMEOUT"' in text
    assert 'gateway_requests_rejected_total{code="RATE_LIMITED",endpoint="/v1/chat/completions"} 1.0' in text
    assert 'gateway_attempts_total{result="PROVIDER_UNAVAILABLE",target="openai/gpt"} 1.0' in text
    assert 'gateway_breaker_state{target="a/m"} 2.0' in text


def test_tenants_beyond_the_limit_share_one_label():
    metrics = GatewayMetrics(tenant_limit=2)
    for number in range(10):
        metrics.observe(completed(), context(tenant_id=f"t{number}"))
    text = metrics.render().decode()
    assert 'tenant="t0"' in text
    assert 'tenant="t2"' not in text
    shared = [row for row in text.splitlines() if row.startswith("gateway_requests_total") and 'tenant="other"' in row]
    assert [row.rsplit(" ", 1)[1] for row in shared] == ["8.0"]


def test_nothing_is_counted_twice_by_rendering_twice(monkeypatch):
    # Only what is counted here: others in this process may write to a shared directory.
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics = GatewayMetrics()
    metrics.observe(completed(), context())
    assert metrics.render() == metrics.render()


_PROCESS = """
import sys
from pathlib import Path
from events.engine.metric_files import archive_dead_processes, share_between_processes
share_between_processes(Path(sys.argv[1]))
from events.engine.metrics import GatewayMetrics
from tests.events.builders import completed, context
metrics = GatewayMetrics()
for _ in range(int(sys.argv[2])):
    metrics.observe(completed(), context(tenant_id="t"))
text = metrics.render().decode()
print([line for line in text.splitlines() if line.startswith("gateway_requests_total")][0].split()[-1])
"""


def _count_in_process(directory: Path, calls: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS, str(directory), str(calls)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    return float(done.stdout)


def test_totals_survive_the_processes_that_counted_and_their_files_do_not(tmp_path: Path):
    assert _count_in_process(tmp_path, 3) == 3
    assert _count_in_process(tmp_path, 2) == 5
    assert archive_dead_processes(tmp_path) > 0
    assert {path.stem.rsplit("_", 1)[1] for path in tmp_path.glob("*.db")} == {str(ARCHIVE_PID)}
    assert _count_in_process(tmp_path, 1) == 6
