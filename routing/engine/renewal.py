"""A provider refused our credential: was it replaced meanwhile where it is kept?"""

from __future__ import annotations

from contracts.errors import ProviderAuthFailed, ProviderQuotaExhausted
from contracts.ports import CredentialRenewer
from contracts.time_limit import TimeLimit
from routing.engine.attempt import Attempt

PATIENCE_S = 5.0
"""How long one call waits for the store; less where its deadline is nearer."""


class Renewals:
    """Of one call: at most one for each provider."""

    __slots__ = ("_asked", "_credentials")

    def __init__(self, credentials: CredentialRenewer | None) -> None:
        self._credentials = credentials
        self._asked: tuple[str, ...] = ()

    async def renewed(self, attempt: Attempt, error: ProviderAuthFailed) -> bool:
        """Whether the provider's credential is another one now than the one that was refused."""
        provider = attempt.target.provider
        if self._credentials is None or provider.credential is None or provider.id in self._asked:
            return False
        if isinstance(error, ProviderQuotaExhausted):
            return False
        self._asked += (provider.id,)
        try:
            with TimeLimit(attempt.allowance_s(int(PATIENCE_S * 1000))):
                return await self._credentials.renew(provider.credential, attempt.credential_version)
        except TimeoutError:
            return False
