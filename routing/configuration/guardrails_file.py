"""The structure of ``guardrails.yaml``: policies of rules that look at prompts and answers."""

from __future__ import annotations

from routing.configuration.located import Section

_ACTIONS = ("allow", "flag", "redact", "block")
_SIDES = ("input", "output")
_ON_ERROR = ("allow", "block")


def read_guardrails(top: Section) -> None:
    """Check everything."""
    for _name, policy in top.named("policies"):
        policy.text("tenant")
        policy.flag("enabled", default=True)
        policy.flag("default", default=False)
        policy.texts("routes")
        for name, rule in policy.named("rules"):
            _read_rule(name, rule)
        if not policy.has("rules"):
            policy.problem("a policy needs rules")
        policy.finish()
    top.finish()


def _read_rule(name: str, rule: Section) -> None:
    if not rule.text("detector"):
        rule.problem(f"rule {name} needs a detector, such as pii, secrets, injection or regex", "detector")
    rule.choice("action", _ACTIONS, "flag")
    rule.texts("applies_to", _SIDES)
    rule.choice("on_error", _ON_ERROR, "allow")
    rule.whole("deadline_ms", minimum=1)
    rule.number("threshold", minimum=0.0, maximum=1.0)
    rule.flag("enabled", default=True)
    options = rule.section("options").located
    options.plain()
    rule.finish()
