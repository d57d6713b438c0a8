"""The credentials that this process's specs hold: fetched once, refreshed with age, renewed when one is refused.

There is one :class:`contracts.specs.Secret` per owner and reference. Specs share it and a fetch replaces its value, so
a new value serves the next attempt without any spec being compiled again; it is forgotten with the last spec that
holds it. Stores beyond the process and its database are asked on threads of their own, so neither the event loop nor
the loading of specs waits for one that hangs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from threading import Lock
from weakref import WeakValueDictionary

from contracts.events import EventContext, SecretAccessed
from contracts.specs import Secret
from tenants.secrets.references import Reference, parse_reference_of
from tenants.secrets.sources import SecretMissing, SecretSource, SecretUnavailable, header_value

log = logging.getLogger(__name__)

THREADS = 4
PATIENCE_S = 1.0
"""How long the loading of a spec waits for a credential's first value; less than it may take itself."""
RETRY_S = 15.0
"""A store that did not give the value is asked again for it at most this often."""
COOLDOWN_S = 30.0
"""A refused credential is fetched again at most this often."""

Tell = Callable[[SecretAccessed, EventContext], None]


class _Origin:
    """What is known of one credential besides its value. Times are those of the cache's clock, None: never."""

    __slots__ = ("fetched_at", "fetching", "outcome", "reference", "refused_at", "tenant_id", "tried_at", "version")

    def __init__(self, reference: Reference, tenant_id: str | None) -> None:
        self.reference = reference
        self.tenant_id = tenant_id
        self.version: int | None = None
        """The owner's configuration as of the last fetch."""
        self.fetched_at: float | None = None
        self.tried_at: float | None = None
        self.refused_at: float | None = None
        self.outcome = ""
        self.fetching: Future[None] | None = None


class SecretCache:
    """:class:`contracts.ports.SecretResolver` and :class:`contracts.ports.CredentialRenewer` over the sources.

    ``sources`` are made by the functions when the first reference with their scheme is resolved. ``ttl_s`` is the age
    from which a value is fetched again, ``stale_s`` the age until which it serves while its store is down;
    ``thread_done`` is called on a thread of the cache after it has fetched (to close a database connection),
    ``note`` with the kind of store and the outcome after each read.
    """

    def __init__(
        self,
        sources: Mapping[str, Callable[[], SecretSource]],
        *,
        ttl_s: float,
        stale_s: float,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
        thread_done: Callable[[], None] = lambda: None,
        note: Callable[[str, str], None] = lambda store, outcome: None,
    ) -> None:
        self._makers = sources
        self._sources: dict[str, SecretSource] = {}
        self._ttl_s = ttl_s
        self._stale_s = stale_s
        self._tell = tell
        self._clock = clock
        self._patience_s = patience_s
        self._thread_done = thread_done
        self._note = note
        self._hanging_until: dict[str, float] = {}
        self._lock = Lock()
        self._known: WeakValueDictionary[tuple[str | None, str], Secret] = WeakValueDictionary()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="secrets")

    def resolve(self, reference: str, *, tenant_id: str | None = None, version: int | None = None) -> Secret:
        """As :meth:`contracts.ports.SecretResolver.resolve`.

        The first value is waited for, for ``patience_s`` at most; later ones are fetched while the old one serves.
        """
        try:
            parsed = parse_reference_of(reference, tenant_owned=tenant_id is not None)
        except ValueError as error:
            raise LookupError(str(error)) from error
        secret, origin = self._of(parsed, tenant_id)
        source = self._source(parsed.scheme)
        reason = self._due(origin, source, version)
        if not reason:
            return secret
        if source.near:
            self._fetch(secret, origin, reason, version)
            return secret
        first = origin.tried_at is None
        future = self._start(secret, origin, reason, version)
        if first:
            self._wait(future, parsed)
        return secret

    async def renew(self, credential: Secret, refused_version: int) -> bool:
        """As :meth:`contracts.ports.CredentialRenewer.renew`; calls at the same time share one fetch."""
        origin = credential.origin
        if not isinstance(origin, _Origin):
            return False
        if credential.version == refused_version:
            future = self._renewal(credential, origin)
            if future is not None:
                await asyncio.shield(asyncio.wrap_future(future))
        return credential.version != refused_version

    def close(self) -> None:
        """Fetch nothing more. Safe to call twice."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- when to fetch -----------------------------------------------------------------------------

    def _of(self, reference: Reference, tenant_id: str | None) -> tuple[Secret, _Origin]:
        with self._lock:
            secret = self._known.get((tenant_id, reference.text))
            if secret is None:
                secret = Secret("", _Origin(reference, tenant_id))
                self._known[tenant_id, reference.text] = secret
        assert isinstance(secret.origin, _Origin)
        return secret, secret.origin

    def _source(self, scheme: str) -> SecretSource:
        with self._lock:
            if scheme not in self._sources:
                self._sources[scheme] = self._makers[scheme]()
            return self._sources[scheme]

    def _due(self, origin: _Origin, source: SecretSource, version: int | None) -> str:
        """Why to fetch now, or nothing."""
        if origin.tried_at is None:
            return "first_use"
        if source.versioned and version is not None and version != origin.version:
            return "changed"
        now = self._clock()
        if now - origin.tried_at < min(RETRY_S, self._ttl_s):
            return ""
        if origin.fetched_at is None:
            return "first_use"
        return "expired" if now - origin.fetched_at >= self._ttl_s else ""

    def _renewal(self, secret: Secret, origin: _Origin) -> Future[None] | None:
        if not self._source(origin.reference.scheme).renewable:
            return None
        now = self._clock()
        with self._lock:
            if origin.refused_at is not None and now - origin.refused_at < COOLDOWN_S:
                return origin.fetching
            origin.refused_at = now
        return self._start(secret, origin, "refused", origin.version)

    # --- fetching ----------------------------------------------------------------------------------

    def _start(self, secret: Secret, origin: _Origin, reason: str, version: int | None) -> Future[None]:
        with self._lock:
            future = origin.fetching
            if future is None or future.done():
                future = self._threads.submit(self._fetch_apart, secret, origin, reason, version)
                origin.fetching = future
            return future

    def _wait(self, future: Future[None], reference: Reference) -> None:
        """Until the value is here, unless the store has just kept somebody waiting in vain."""
        if self._clock() < self._hanging_until.get(reference.scheme, 0.0):
            return
        try:
            future.result(self._patience_s)
        except NotYet:
            self._hanging_until[reference.scheme] = self._clock() + RETRY_S
            log.warning("the secret %s did not come within %s s", reference, self._patience_s)

    def _fetch_apart(self, secret: Secret, origin: _Origin, reason: str, version: int | None) -> None:
        try:
            self._fetch(secret, origin, reason, version)
        finally:
            self._thread_done()

    def _fetch(self, secret: Secret, origin: _Origin, reason: str, version: int | None) -> None:
        started = self._clock()
        reference, old = origin.reference, secret.version
        stale_s: float | None = None
        try:
            value = header_value(
                self._source(reference.scheme).read(reference, origin.tenant_id), f"secret {reference}"
            )
        except SecretMissing as error:
            outcome = "missing"
            origin.fetched_at = None
            secret.replace("")
            words = str(error)
        except SecretUnavailable as error:
            outcome = "unavailable"
            stale_s = self._stale(secret, origin)
            words = f"{error}{_serving(stale_s)}"
        except Exception as error:  # boundary: a client may fail in its own ways, and its words may hold the secret
            outcome = "unavailable"
            stale_s = self._stale(secret, origin)
            words = f"The secret {reference} could not be read: {type(error).__name__}{_serving(stale_s)}"
        else:
            outcome = "read"
            origin.fetched_at = self._clock()
            secret.replace(value)
            words = ""
        self._note(reference.scheme, outcome)
        repeated = outcome != "read" and outcome == origin.outcome
        origin.tried_at, origin.version, origin.outcome = self._clock(), version, outcome
        if repeated:
            # Said once: a secret that is nowhere would otherwise be told of by every worker for ever.
            return
        if words:
            log.warning("%s", words)
        self._tell(
            SecretAccessed(
                reference=reference.text,
                scheme=reference.scheme,
                outcome=outcome,
                reason=reason,
                changed=secret.version != old,
                stale_s=None if stale_s is None else round(stale_s, 1),
                duration_ms=round((self._clock() - started) * 1000, 3),
            ),
            EventContext(tenant_id=origin.tenant_id or ""),
        )

    def _stale(self, secret: Secret, origin: _Origin) -> float | None:
        """The age of the value that goes on serving; one that is too old is dropped."""
        if origin.fetched_at is None:
            return None
        age_s = self._clock() - origin.fetched_at
        if age_s <= self._stale_s:
            return age_s
        origin.fetched_at = None
        secret.replace("")
        return None


def _serving(stale_s: float | None) -> str:
    return "; no value is known" if stale_s is None else f"; the value of {stale_s:.0f} s ago goes on serving"
