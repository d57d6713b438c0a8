"""The accounts of budgets: which apply to a call, what this worker knows of them, and how Redis and the ledger agree.

Redis decides (``lua/spending.lua``), the usage ledger is the truth. This module makes accounts from the ledger, tells
Redis at intervals what the ledger has confirmed, and remembers what this worker has reserved and spent until the
ledger has it, so that it can be said again when Redis lost it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from contracts.budgets import BudgetWindow
from contracts.errors import ServiceUnavailable
from contracts.events import BudgetThresholdCrossed, EventContext
from contracts.ports import Clock, Emitter, Spend, SpendQuery, SpendReader
from contracts.specs import KeySpec, TenantSpec
from events.engine.redis_wire import RedisArg, RedisCommandError, RedisUnavailable, RedisWire
from gateway.engine.accounts import Accounts
from gateway.engine.budget_figures import refresh
from gateway.engine.budget_shares import BudgetShares
from gateway.engine.budgets import ENDED, Account, AppliedBudget
from gateway.engine.scripts import REBASE

log = logging.getLogger(__name__)

REBUILT_CHANNEL = "budgets.rebuilt"
"""Carries the id of a tenant whose accounts were lost: everybody says again what they have outstanding."""

GRACE_MS = 500
"""How long hard budgets admit nothing after Redis lost its data, for all workers to say what they have outstanding."""

CONFIRM_EVERY_S = 2.0

AT_ONCE = 8
"""Accounts confirmed at the same time."""

A_ROUND = 200
"""Accounts confirmed in one round: with very many end users, the ledger is asked at most so often."""

MAX_DIRTY = 50_000
"""Accounts remembered until the ledger has what was spent in them; beyond it, the oldest are only in Redis."""

MAX_OUTSTANDING = 50_000
"""Calls remembered per account; beyond it the oldest are only in Redis."""

READ_TIMEOUT_S = 2.0

PAUSE_S = 1.0
"""After the ledger could not be asked about an account, calls are told so for this long without asking again."""

REDIS_TIMEOUT_S = 2.0

FORGET_AFTER_MS = 86_400_000
"""Accounts stay in Redis for a day after their period."""

RETIRED_AFTER_MS = 3_600_000
"""What the ledger has not confirmed an hour after its period was over, nobody asks for any more."""

_DISTURBANCES = (RedisUnavailable, RedisCommandError, ServiceUnavailable, TimeoutError)


class Spending:
    """All accounts of one gateway worker; used from its event loop only."""

    def __init__(
        self,
        wire: RedisWire,
        *,
        reader: SpendReader | None,
        emitter: Emitter,
        clock: Clock,
        workers: int = 1,
        grace_ms: int = GRACE_MS,
    ) -> None:
        self._wire = wire
        self._reader = reader
        self._emitter = emitter
        self._clock = clock
        self._grace_ms = grace_ms
        self._accounts = Accounts(clock)
        self._dirty: dict[Account, None] = {}
        self._unposted: dict[Account, None] = {}
        """With entries that were admitted without Redis, and of which it does not know."""
        self._loading: dict[Account, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.shares = BudgetShares(clock, workers)

    def applied(self, tenant: TenantSpec, key: KeySpec, user: str | None) -> list[AppliedBudget]:
        """The budgets that pay for a call; empty for most tenants."""
        if not tenant.budgets and not key.budgets:
            return []
        return self._accounts.applied(tenant, key, user)

    # --- what happens to calls -----------------------------------------------------------------------

    def heard(self, budget: AppliedBudget, now: float, reply: Sequence[Any]) -> None:
        """Take in what the script said of a budget: counted, consumed, generation, whether a lease has ended."""
        budget.used, budget.consumed, generation, lease_ended = reply
        if not generation:
            return
        account = budget.account
        account.remaining = account.limit - budget.used
        account.seen_at = now
        account.local_nanousd = 0
        if generation != account.generation:
            self._adopt(account, generation)
        if lease_ended:
            self._mark(account)

    def reserved(self, budgets: Iterable[AppliedBudget], call_id: str, lease_ms: int) -> None:
        """The call was admitted by Redis."""
        lease_end = self._clock.now_ms() + lease_ms
        for budget in budgets:
            self._remember(budget.account, call_id, budget.cost, lease_end)

    def ended(self, account: Account, call_id: str, cost: int) -> None:
        """The call is over and has cost so much; the settlement goes its own way."""
        if cost:
            self._remember(account, call_id, cost, ENDED)
        else:
            account.outstanding.pop(call_id, None)
            self._mark(account)

    def settled(self, account: Account, call_id: RedisArg) -> None:
        """Redis has the call's settlement.

        The ledger may have confirmed the call before that. Redis then counts it a second time until it is told again.
        """
        account.settlements += 1
        if call_id not in account.outstanding:
            self._mark(account)

    def _remember(self, account: Account, call_id: str, cost: int, lease_end: int) -> None:
        outstanding = account.outstanding
        outstanding[call_id] = (cost, lease_end)
        if len(outstanding) > MAX_OUTSTANDING:
            del outstanding[next(iter(outstanding))]
        if not account.dirty:
            self._mark(account)

    def _mark(self, account: Account) -> None:
        account.dirty = True
        self._dirty[account] = None
        if len(self._dirty) > MAX_DIRTY:
            self._clean(next(iter(self._dirty)))

    def _clean(self, account: Account) -> None:
        account.dirty = False
        self._dirty.pop(account, None)

    def crossed(self, account: Account, percents: Iterable[int], consumed: int) -> None:
        """Tell of thresholds; the script has seen to it that no other worker does."""
        spec, period = account.spec, account.period
        total = spec.window is BudgetWindow.TOTAL
        for percent in percents:
            account.told = max(account.told, percent)
            self._emitter.emit(
                BudgetThresholdCrossed(
                    budget_id=spec.id,
                    name=spec.name,
                    level=spec.level,
                    subject=account.subject,
                    window=spec.window.value,
                    period_start_ms=period.start_ms,
                    period_end_ms=None if total else period.end_ms,
                    percent=percent,
                    spent_nanousd=consumed,
                    limit_nanousd=spec.limit_nanousd,
                    action=spec.action.value,
                ),
                EventContext(account.tenant_id),
            )

    # --- from the ledger -----------------------------------------------------------------------------

    async def load(self, account: Account) -> None:
        """Make the account in Redis from the ledger; calls that ask at the same time share one query.

        Raises:
            ServiceUnavailable: the ledger cannot be read.
            RedisUnavailable: Redis cannot be reached.
        """
        task = self._loading.get(account)
        if task is None:
            if self._clock.monotonic() - account.failed_at < PAUSE_S:
                raise ServiceUnavailable("The usage ledger cannot be reached.", retry_after_s=PAUSE_S)
            task = self._loading[account] = asyncio.create_task(self._load(account))
            task.add_done_callback(lambda done: self._loaded(account, done))
        await asyncio.shield(task)

    async def _load(self, account: Account) -> None:
        try:
            spend = await self._read(account, tuple(account.outstanding))
        except ServiceUnavailable:
            account.failed_at = self._clock.monotonic()
            raise
        await self._rebase(account, spend)

    def _loaded(self, account: Account, task: asyncio.Task[None]) -> None:
        self._loading.pop(account, None)
        if not task.cancelled():
            # Whoever waits gets it as well; with nobody waiting it must not count as overlooked.
            task.exception()

    async def _read(self, account: Account, call_ids: tuple[str, ...]) -> Spend:
        if self._reader is None:
            raise ServiceUnavailable("Spending cannot be read here.", retry_after_s=2)
        query = SpendQuery(
            tenant_id=account.tenant_id,
            level=account.spec.level,
            subject=account.subject,
            period=account.period,
            call_ids=call_ids,
        )
        try:
            return await asyncio.wait_for(self._reader.read(query), READ_TIMEOUT_S)
        except TimeoutError:
            raise ServiceUnavailable("The usage ledger did not answer in time.", retry_after_s=2) from None

    async def _rebase(self, account: Account, spend: Spend | None, *, hold_ms: int = 0) -> bool:
        """Tell Redis what the ledger has (None: nothing new) and what is outstanding; False without an account."""
        entries = dict(account.outstanding)
        command = self._rebase_command(account, spend, entries, hold_ms)
        try:
            reply = await self._ask("EVALSHA", REBASE.sha, *command)
        except RedisCommandError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            reply = await self._ask("EVAL", REBASE.text, *command)
        return self._rebased(account, spend, entries, reply)

    def _rebased(
        self, account: Account, spend: Spend | None, entries: dict[str, tuple[int, int]], reply: list[Any]
    ) -> bool:
        generation, used, consumed, told, *crossed = reply
        if not generation:
            return False
        for call_id in spend.recorded if spend is not None else ():
            account.outstanding.pop(call_id, None)
        account.told = max(account.told, told)
        account.remaining = account.limit - used
        account.seen_at = self._clock.monotonic()
        account.local_nanousd = 0
        account.generation = generation
        self._unposted.pop(account, None)
        self.crossed(account, crossed, consumed)
        return True

    def _rebase_command(
        self, account: Account, spend: Spend | None, entries: dict[str, tuple[int, int]], hold_ms: int
    ) -> list[RedisArg]:
        spec = account.spec
        forget = 0 if spec.window is BudgetWindow.TOTAL else account.period.end_ms + FORGET_AFTER_MS
        recorded = spend.recorded if spend is not None else frozenset()
        command: list[RedisArg] = [
            3, *account.keys,
            spend.nanousd if spend is not None else 0, spend.as_of if spend is not None else -1,
            uuid.uuid4().hex, forget, self._grace_ms, account.tenant_id, hold_ms,
            account.told, spec.limit_nanousd, account.thresholds, self._wire.channel(REBUILT_CHANNEL),
            len(recorded), *recorded,
        ]  # fmt: skip
        said = [(call_id, entry) for call_id, entry in entries.items() if call_id not in recorded and entry[0]]
        command.append(len(said))
        for call_id, (cost, lease_end) in said:
            command += (call_id, cost, lease_end)
        return command

    async def _ask(self, *command: RedisArg) -> Any:
        try:
            return await asyncio.wait_for(self._wire.call(*command), REDIS_TIMEOUT_S)
        except TimeoutError:
            raise RedisUnavailable("Redis did not answer in time.") from None

    # --- at intervals --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Confirm accounts for ever."""
        while True:
            await asyncio.sleep(CONFIRM_EVERY_S)
            await self.confirm()
            await self.refresh()

    async def refresh(self) -> None:
        """Hear what is left in the accounts used last; without Redis, note that what is known is as of now."""
        if not self._wire.connected:
            self.shares.lost()
            return
        known = [account for account in self._accounts.recent(A_ROUND) if account not in self._unposted]
        asked_at = self._clock.monotonic()
        try:
            await refresh(known, heard_before=asked_at - CONFIRM_EVERY_S / 2, asked_at=asked_at, ask=self._ask)
        except _DISTURBANCES as error:
            log.info("what is left of budgets is heard later: %s", error)

    async def confirm(self) -> None:
        """Bring every account that calls have used up to what the ledger has; one worker at a time does it."""
        due = list(islice(self._dirty, A_ROUND))
        for account in due:
            # To the end: whatever becomes of it now, the others come first in the next round.
            self._dirty[account] = self._dirty.pop(account)
        for first in range(0, len(due), AT_ONCE):
            confirming = [self._confirm(account) for account in due[first : first + AT_ONCE]]
            for outcome in await asyncio.gather(*confirming, return_exceptions=True):
                if isinstance(outcome, _DISTURBANCES):
                    log.info("spending is confirmed later: %s", outcome)
                elif isinstance(outcome, BaseException):
                    log.error("confirming spending failed", exc_info=outcome)

    async def _confirm(self, account: Account) -> None:
        if account in self._unposted:
            await self._say_again(account, hold_ms=self._grace_ms)
        name, settlements = account.keys[0], account.settlements
        lock_ms = round(CONFIRM_EVERY_S * 750)
        ended = [call_id for call_id, (_, lease_end) in account.outstanding.items() if lease_end == ENDED]
        # The generation last: if it is the known one, what was read before it belongs to it.
        fields, generation, mine = await asyncio.gather(
            self._ask("HKEYS", name),
            self._ask("HGET", name, "g"),
            self._ask("SET", account.lock, "1", "NX", "PX", lock_ms),
        )
        if generation is None or generation != account.generation:
            await self._restore(account)
            return
        pending = {field[1:].decode() for field in fields if field.startswith(b":")}
        for call_id in ended:
            # Not pending any more: it was confirmed, perhaps by another worker.
            if call_id not in pending:
                account.outstanding.pop(call_id, None)
        if mine is not None:
            spend = await self._read(account, tuple(pending))
            await self._rebase(account, spend)
            pending -= spend.recorded
        # A settlement that came after the fields were read is not among them: it is looked for in the next round.
        unchanged = settlements == account.settlements
        if (unchanged and not pending and not account.outstanding) or self._is_over(account):
            self._clean(account)

    async def _restore(self, account: Account) -> None:
        """Redis has lost the account, or has it anew."""
        if not account.outstanding:
            self._clean(account)
        elif not await self._rebase(account, None):
            await self.load(account)

    def _is_over(self, account: Account) -> bool:
        return self._clock.now_ms() > account.period.end_ms + RETIRED_AFTER_MS

    # --- when Redis lost its data, or was away -------------------------------------------------------

    def _adopt(self, account: Account, generation: bytes) -> None:
        before, account.generation = account.generation, generation
        if before and account.outstanding:
            self._start(self._say_again(account))

    def rebuilt(self, tenant_id: str = "") -> None:
        """Say again what is outstanding for this tenant, or for all of them."""
        for account in list(self._dirty):
            if account.outstanding and (not tenant_id or account.tenant_id == tenant_id):
                self._start(self._say_again(account))

    def reconnected(self) -> None:
        """Redis answers again: before anything else, tell it what it missed."""
        self.shares.found()
        outstanding = [account for account in self._dirty if account.outstanding]
        if not outstanding:
            return
        try:
            self._wire.call("SCRIPT", "LOAD", REBASE.text).add_done_callback(_retrieve)
            for account in outstanding:
                hold_ms = self._grace_ms if account in self._unposted else 0
                entries = dict(account.outstanding)
                asked = self._wire.call("EVALSHA", REBASE.sha, *self._rebase_command(account, None, entries, hold_ms))
                self._start(self._hear_restored(account, entries, asked))
        except RedisUnavailable as error:
            log.info("spending is told to Redis later: %s", error)

    async def _hear_restored(
        self, account: Account, entries: dict[str, tuple[int, int]], asked: asyncio.Future[Any]
    ) -> None:
        if not self._rebased(account, None, entries, await asked):
            await self.load(account)

    async def _say_again(self, account: Account, *, hold_ms: int = 0) -> None:
        if not await self._rebase(account, None, hold_ms=hold_ms):
            await self.load(account)

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended_task)

    def _ended_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, _DISTURBANCES):
            log.info("spending is told to Redis later: %s", error)
        else:
            log.error("telling Redis of spending failed", exc_info=error)

    # --- without Redis -------------------------------------------------------------------------------

    def admit_locally(self, budgets: Sequence[AppliedBudget], call_id: str, lease_ms: int) -> None:
        """Count the call in this worker's share of what was left, or in nothing.

        Raises:
            ServiceUnavailable: a hard budget's share is used up, or nothing is known of it.
            DegradeWanted: the share of a budget that degrades is used up.
        """
        self.shares.check(budgets)
        lease_end = self._clock.now_ms() + lease_ms
        for budget in budgets:
            self.shares.take(budget)
            self._remember(budget.account, call_id, budget.cost, lease_end)
            self._unposted[budget.account] = None


def _retrieve(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
