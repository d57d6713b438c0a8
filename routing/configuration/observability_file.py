"""The structure of ``observability.yaml``: what is promised, what raises an alert, and how long events are kept."""

from __future__ import annotations

from routing.configuration.located import Section

_METRICS = ("availability", "latency", "first_token", "cost", "quality")
_SEVERITIES = ("info", "warning", "critical")
_CHANNELS = ("email", "slack", "pagerduty", "webhook")


def read_observability(top: Section) -> None:
    """Check everything."""
    retention = top.section("retention")
    for name in ("events_days", "runs_days", "payloads_days"):
        retention.whole(name, minimum=1)
    retention.finish()
    tracing = top.section("tracing")
    tracing.flag("enabled", default=True)
    tracing.number("sample_ratio", minimum=0.0, maximum=1.0)
    tracing.finish()
    for name, slo in top.named("slos"):
        _read_slo(name, slo)
    for name, alert in top.named("alerts"):
        _read_alert(name, alert)
    for name, channel in top.named("channels"):
        if channel.choice("kind", _CHANNELS, "") == "" and not channel.has("kind"):
            channel.problem(f"channel {name} needs a kind: one of {', '.join(_CHANNELS)}")
        channel.text("secret_ref")
        channel.text("address")
        channel.finish()
    top.finish()


def _read_slo(name: str, slo: Section) -> None:
    slo.text("tenant")
    slo.text("route")
    metric = slo.choice("metric", _METRICS, "availability")
    if slo.number("objective", minimum=0.0, maximum=1.0) is None and not slo.has("objective"):
        slo.problem(f"slo {name} needs an objective, such as 0.999")
    slo.whole("threshold_ms", minimum=1)
    if metric in ("latency", "first_token") and not slo.has("threshold_ms"):
        slo.problem(f"slo {name} is about {metric}: say below which threshold_ms a call is good", "metric")
    slo.whole("window_days", minimum=1)
    slo.finish()


def _read_alert(name: str, alert: Section) -> None:
    if not alert.text("slo") and not alert.text("event_type"):
        alert.problem(f"alert {name} needs an slo or an event_type to watch")
    alert.choice("severity", _SEVERITIES, "warning")
    alert.number("burn_rate", minimum=0.0)
    alert.whole("for_minutes", minimum=1)
    alert.texts("channels")
    alert.flag("enabled", default=True)
    alert.finish()
