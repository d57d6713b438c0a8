"""What a person sees when everything runs."""

from __future__ import annotations

from controlplane.management.commands.seed_demo import WELL_KNOWN_KEY
from controlplane.settings.env import PRODUCTION, Environment
from controlplane.supervisor.first_data import Ready


def announcement(env: Environment, ready: Ready, took_s: float) -> str:
    """Addresses and credentials, ready to be copied."""
    host = "localhost" if env.host in ("0.0.0.0", "::", "") else env.host  # noqa: S104 - not bound, compared
    root = f"http://{f'[{host}]' if ':' in host else host}:{env.port}"
    password = ready.password or "(as you have set it)"
    key = "create one in the admin" if env.environment == PRODUCTION else WELL_KNOWN_KEY
    rows = [
        ("Console", f"{root}/   user {ready.username}   password {password}"),
        ("API", f"{root}/v1/chat/completions"),
        ("API key", key),
        ("Admin", f"{root}/admin/"),
        ("API docs", f"{root}/api/docs"),
        ("WebSocket", f"{root.replace('http', 'ws', 1)}/v1/ws"),
        ("Metrics", f"{root}/metrics"),
        ("Logs", str(env.layout.logs)),
    ]
    if env.database_embedded:
        rows.append(("Database", env.database_url))
    if env.redis_embedded:
        rows.append(("Redis", env.redis_url))
    lines = [f"  {name:<10} {value}" for name, value in rows]
    return "\n".join(
        [
            f"Breakwater is ready after {took_s:.1f} s.",
            "",
            *lines,
            "",
            f'  curl {root}/v1/chat/completions -H "Authorization: Bearer {WELL_KNOWN_KEY}" \\',
            '    -H "Content-Type: application/json" \\',
            """    -d '{"messages":[{"role":"user","content":"Hello"}],"mode":"direct"}'""",
            "",
            f"Ctrl-C stops everything; data stays in {env.layout.var_dir}.",
        ]
    )
