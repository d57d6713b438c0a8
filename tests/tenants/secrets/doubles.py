"""Secrets for tests that need none of the stores."""

from collections.abc import Callable, Mapping

from contracts.events import EventContext, SecretAccessed
from tenants.secrets.cache import SecretCache
from tenants.secrets.references import Reference
from tenants.secrets.sources import EnvironmentSource, SecretSource


class Told:
    """The events of a cache."""

    def __init__(self) -> None:
        self.events: list[SecretAccessed] = []
        self.contexts: list[EventContext] = []

    def __call__(self, event: SecretAccessed, context: EventContext) -> None:
        self.events.append(event)
        self.contexts.append(context)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(event.reason, event.outcome) for event in self.events]


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FakeStore:
    """A store whose values, failures and slowness a test sets."""

    def __init__(self, *, near: bool = False, versioned: bool = False, renewable: bool = True) -> None:
        self.near, self.versioned, self.renewable = near, versioned, renewable
        self.values: dict[str, str] = {}
        self.error: Exception | None = None
        self.reads: list[tuple[str, str | None]] = []
        self.gate: Callable[[], object] = lambda: None

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        self.reads.append((reference.text, tenant_id))
        self.gate()
        if self.error is not None:
            raise self.error
        return self.values[reference.text]


def secrets_over(told: Told | None = None, clock: Time | None = None, /, **sources: SecretSource) -> SecretCache:
    """A cache over these sources, by scheme."""
    return SecretCache(
        {scheme: lambda source=source: source for scheme, source in sources.items()},  # type: ignore[misc]
        ttl_s=300,
        stale_s=3_600,
        tell=told or Told(),
        clock=clock or Time(),
    )


def environment_secrets(environ: Mapping[str, str]) -> SecretCache:
    """Secrets from this environment only."""
    return secrets_over(env=EnvironmentSource(environ))
