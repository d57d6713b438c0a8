"""Who there is: tenants with their people, teams, keys, routes and habits. Pure data, all of it invented.

Chat routes end with the sandbox, so that calls over them are answered although no other provider of the demo exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """An API key. ``share`` is its part of the tenant's calls; ``fate`` what became of it."""

    name: str
    team: str
    share: float
    fate: str = "active"
    """``active`` | ``rotated`` | ``expired`` | ``revoked`` | ``unused``."""
    feature: str = "chat"
    """Value of the tag ``feature`` on its calls."""


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """One target of a route, as ``provider/model``."""

    model: str
    priority: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A route of the tenant; ``share`` is its part of the calls."""

    name: str
    share: float
    targets: tuple[TargetPlan, ...]
    strategy: str = "priority"
    embeddings: bool = False
    match_tags: dict[str, str] = field(default_factory=dict)
    repeated: float = 0.0
    """Part of its calls that ask what was asked before; above 0 the route keeps answers."""
    tokens: tuple[int, int] = (900, 220)
    """Typical input and output tokens."""


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """A budget whose limit follows from what was spent: ``used`` is its part of the limit at the end.

    Less is used where its period has just begun.
    """

    name: str
    window: str
    used: float
    action: str = "alert_only"
    team: str = ""
    degrade_route: str = ""


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A tenant. ``daily_calls`` is the average at scale 1; ``people`` are (name, role)."""

    slug: str
    name: str
    domain: str
    time_zone: str
    rhythm: str
    """``office`` | ``shop`` | ``evening`` | ``always``."""
    topic: str
    daily_calls: int
    users: int
    """How many end users call; 0 where calls name none."""
    people: tuple[tuple[str, str], ...]
    teams: tuple[str, ...]
    keys: tuple[KeyPlan, ...]
    routes: tuple[RoutePlan, ...]
    budgets: tuple[BudgetPlan, ...]
    payload_storage: str = "none"
    redis_outage: str = "fail_open"
    streamed: float = 0.5
    growth: float = 1.15
    """Calls of the last day as a multiple of the first day's."""
    requests_per_minute: int = 600


_T = TargetPlan

CAST: tuple[TenantPlan, ...] = (
    TenantPlan(
        slug="northwind-bank",
        name="Northwind Bank",
        domain="northwind-bank.example",
        time_zone="Europe/London",
        rhythm="office",
        topic="bank",
        daily_calls=2_600,
        users=340,
        people=(
            ("Amelia Hart", "owner"),
            ("Tom Ridley", "admin"),
            ("Priya Nair", "developer"),
            ("Callum Reid", "viewer"),
            ("Grace Obi", "billing"),
        ),
        teams=("Advice", "Fraud operations"),
        keys=(
            KeyPlan("Adviser desktop, production", "Advice", 0.7, "rotated", "adviser-assistant"),
            KeyPlan("Case summaries, production", "Fraud operations", 0.27, "active", "case-summary"),
            KeyPlan("Adviser desktop, staging", "Advice", 0.03, "active", "adviser-assistant"),
            KeyPlan("Vendor pilot 2025", "Fraud operations", 0.0, "expired"),
        ),
        routes=(
            RoutePlan(
                "advice",
                0.72,
                (_T("openai/gpt-4.1"), _T("anthropic/claude-sonnet-4-5", 1), _T("sandbox/sandbox-large", 2)),
                repeated=0.12,
                tokens=(1_400, 260),
            ),
            RoutePlan(
                "case-summary",
                0.28,
                (_T("anthropic/claude-haiku-4-5"), _T("openai/gpt-4.1-mini", 1), _T("sandbox/sandbox-small", 2)),
                match_tags={"feature": "case-summary"},
                tokens=(3_200, 340),
            ),
        ),
        budgets=(
            BudgetPlan("AI programme", "month", 0.83, "block"),
            BudgetPlan("fraud operations", "week", 0.46, "alert_only", team="Fraud operations"),
        ),
        payload_storage="redacted",
        redis_outage="fail_closed",
        streamed=0.75,
    ),
    TenantPlan(
        slug="marigold-home",
        name="Marigold Home",
        domain="marigold-home.example",
        time_zone="America/New_York",
        rhythm="shop",
        topic="shop",
        daily_calls=3_400,
        users=2_200,
        people=(
            ("Dana Whitfield", "owner"),
            ("Luis Ortega", "admin"),
            ("Jun Park", "developer"),
            ("Sofia Marino", "viewer"),
            ("Ben Adler", "billing"),
        ),
        teams=("Customer care", "Merchandising"),
        keys=(
            KeyPlan("Support bot", "Customer care", 0.82, "active", "support-bot"),
            KeyPlan("Product texts", "Merchandising", 0.18, "active", "product-texts"),
            KeyPlan("Black Friday load test", "Customer care", 0.0, "revoked"),
        ),
        routes=(
            RoutePlan(
                "support",
                0.82,
                (_T("openai/gpt-4.1-mini", 0, 70), _T("gemini/gemini-2.5-flash", 0, 30), _T("sandbox/sandbox-small")),
                strategy="weighted",
                repeated=0.31,
                tokens=(1_100, 180),
            ),
            RoutePlan(
                "product-texts",
                0.18,
                (_T("gemini/gemini-2.5-pro"), _T("openai/gpt-4.1", 1), _T("sandbox/sandbox-large", 2)),
                match_tags={"feature": "product-texts"},
                tokens=(600, 420),
            ),
        ),
        budgets=(
            BudgetPlan("all of it", "month", 0.58),
            BudgetPlan("product texts", "day", 1.0, "block", team="Merchandising"),
        ),
        payload_storage="stored",
        streamed=0.85,
        growth=1.4,
    ),
    TenantPlan(
        slug="hartmann-weiss",
        name="Hartmann & Weiss",
        domain="hartmann-weiss.example",
        time_zone="Europe/Berlin",
        rhythm="office",
        topic="law",
        daily_calls=1_500,
        users=64,
        people=(
            ("Katrin Hartmann", "owner"),
            ("Jonas Weiss", "admin"),
            ("Lena Vogt", "developer"),
            ("Felix Braun", "viewer"),
            ("Ute Kramer", "billing"),
        ),
        teams=("Research", "Document intake"),
        keys=(
            KeyPlan("Case-law search", "Research", 0.45, "active", "search"),
            KeyPlan("Intake pipeline", "Document intake", 0.55, "active", "intake"),
            KeyPlan("Outlook add-in", "Research", 0.0, "unused"),
        ),
        routes=(
            RoutePlan("search-embed", 0.55, (_T("cohere/embed-v4.0"),), embeddings=True, tokens=(520, 0)),
            RoutePlan(
                "case-answers",
                0.45,
                (_T("anthropic/claude-opus-4-5"), _T("cohere/command-a-03-2025", 1), _T("sandbox/sandbox-large", 2)),
                tokens=(5_200, 520),
            ),
        ),
        budgets=(
            BudgetPlan("firm", "month", 0.31),
            BudgetPlan("research", "month", 0.9, "alert_only", team="Research"),
        ),
        streamed=0.4,
        growth=1.05,
        requests_per_minute=300,
    ),
    TenantPlan(
        slug="atlas-platform",
        name="Atlas Platform Team",
        domain="atlas.example",
        time_zone="America/Los_Angeles",
        rhythm="always",
        topic="code",
        daily_calls=2_100,
        users=180,
        people=(
            ("Riley Stone", "owner"),
            ("Mei Tanaka", "admin"),
            ("Omar Haddad", "developer"),
            ("Nina Kowalski", "developer"),
            ("Paul Jensen", "viewer"),
            ("Erin Walsh", "billing"),
        ),
        teams=("Developer tools", "Data platform"),
        keys=(
            KeyPlan("Code review bot", "Developer tools", 0.5, "rotated", "code-review"),
            KeyPlan("SQL helper", "Data platform", 0.3, "active", "sql-helper"),
            KeyPlan("Nightly evaluations", "Data platform", 0.2, "active", "nightly-eval"),
            KeyPlan("Hackathon 2025", "Developer tools", 0.0, "revoked"),
        ),
        routes=(
            RoutePlan(
                "code",
                0.6,
                (_T("anthropic/claude-sonnet-4-5"), _T("openai/gpt-5", 1), _T("sandbox/sandbox-large", 2)),
                strategy="priority",
                tokens=(4_100, 640),
            ),
            RoutePlan(
                "cheap",
                0.4,
                (_T("vllm/qwen3-32b"), _T("sandbox/sandbox-small"), _T("openai/gpt-5-mini")),
                strategy="lowest_cost",
                tokens=(1_600, 300),
            ),
        ),
        budgets=(
            BudgetPlan("platform", "month", 0.72),
            BudgetPlan("data platform", "week", 1.0, "degrade", team="Data platform", degrade_route="cheap"),
        ),
        payload_storage="redacted",
        streamed=0.3,
    ),
    TenantPlan(
        slug="lumen-health",
        name="Lumen Health",
        domain="lumen-health.example",
        time_zone="Europe/Stockholm",
        rhythm="office",
        topic="health",
        daily_calls=1_200,
        users=150,
        people=(
            ("Elsa Lindqvist", "owner"),
            ("Karim Aziz", "admin"),
            ("Maja Berg", "developer"),
            ("Oskar Nyman", "viewer"),
            ("Sara Holm", "billing"),
        ),
        teams=("Clinical notes",),
        keys=(KeyPlan("Note summaries", "Clinical notes", 1.0, "active", "note-summary"),),
        routes=(
            RoutePlan(
                "notes",
                1.0,
                (_T("vllm/qwen3-32b"), _T("vllm/llama-3.3-70b", 1), _T("sandbox/sandbox-small", 2)),
                tokens=(2_400, 380),
            ),
        ),
        budgets=(BudgetPlan("clinic", "month", 0.12),),
        payload_storage="redacted",
        redis_outage="fail_closed",
        streamed=0.2,
        growth=1.2,
    ),
    TenantPlan(
        slug="kite-learning",
        name="Kite Learning",
        domain="kite-learning.example",
        time_zone="Asia/Kolkata",
        rhythm="evening",
        topic="school",
        daily_calls=1_900,
        users=1_400,
        people=(
            ("Ananya Rao", "owner"),
            ("Vikram Shah", "admin"),
            ("Neha Iyer", "developer"),
            ("Arjun Mehta", "viewer"),
            ("Kavya Das", "billing"),
        ),
        teams=("Tutor", "Content"),
        keys=(
            KeyPlan("Tutor app", "Tutor", 0.9, "active", "tutor"),
            KeyPlan("Exercise generator", "Content", 0.1, "active", "exercises"),
        ),
        routes=(
            RoutePlan(
                "tutor",
                1.0,
                (_T("gemini/gemini-2.5-flash"), _T("openai/gpt-4.1-mini", 1), _T("sandbox/sandbox-small", 2)),
                repeated=0.22,
                tokens=(800, 240),
            ),
        ),
        budgets=(BudgetPlan("per day", "day", 1.0, "block"), BudgetPlan("term", "month", 0.66)),
        streamed=0.95,
        growth=1.3,
        requests_per_minute=240,
    ),
    TenantPlan(
        slug="orbit-travel",
        name="Orbit Travel",
        domain="orbit-travel.example",
        time_zone="Australia/Sydney",
        rhythm="shop",
        topic="travel",
        daily_calls=500,
        users=260,
        people=(
            ("Isla Murray", "owner"),
            ("Noah Fitzgerald", "admin"),
            ("Zoe Tran", "developer"),
            ("Liam Doyle", "viewer"),
            ("Ruby Clarke", "billing"),
        ),
        teams=("Concierge",),
        keys=(KeyPlan("Concierge pilot", "Concierge", 1.0, "active", "concierge"),),
        routes=(
            RoutePlan(
                "concierge",
                1.0,
                (_T("openai/gpt-5-mini"), _T("gemini/gemini-2.5-flash", 1), _T("sandbox/sandbox-small", 2)),
                tokens=(700, 310),
            ),
        ),
        budgets=(BudgetPlan("pilot", "month", 0.05),),
        payload_storage="stored",
        streamed=0.7,
        growth=3.0,
    ),
)
