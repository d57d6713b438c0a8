"""Keys for calls that people make from pages: one for each member and tenant, short-lived, with a budget of its own.

Nobody ever sees such a key, nor is its text stored: it is derived from ``SECRET_KEY``, the row's id and its expiry when
it is needed. It ends with the session or after :data:`LASTS`; the next call brings the same row back with another text,
so that limits, budgets and what was spent stay where they are. Whoever may not call any more has lost the permission,
which pages ask for at each call.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.key_lifecycle import issue, revoke, save_new
from tenants.keys import API_KEY_KIND, ClearKey, Scope
from tenants.models import ApiKey, Budget, Team, Tenant, User
from tenants.services import set_budget

LASTS = timedelta(hours=12)
RENEWED_BEFORE_END = timedelta(minutes=10)
"""A key with less than this to live is renewed: a call must not outlive it between page and gateway."""
BUDGET_NAME = "Playground"
DEFAULT_BUDGET_NANOUSD = 5_000_000_000
"""What a member may spend a day until they choose another amount: five US dollars."""
_SALT = "tenants.playground_keys"
_SCOPES = [Scope.CHAT.value, Scope.EMBEDDINGS.value, Scope.MODELS.value]


def playground_key(*, tenant: Tenant, user: User) -> ApiKey | None:
    """The member's key in whatever state it is; None before their first call."""
    found: ApiKey | None = ApiKey.objects.for_tenant(tenant).filter(playground_user=user).select_related("team").first()
    return found


def playground_budget(*, tenant: Tenant, user: User) -> Budget | None:
    """What the member may spend a day; None before their first call."""
    budgets = Budget.objects.for_tenant(tenant).filter(key__playground_user=user, name=BUDGET_NAME)
    return budgets.first()


def clear_playground_key(*, tenant: Tenant, user: User) -> str:
    """The text of the member's key, to be sent along with a call and nowhere else; made or renewed where needed."""
    key = playground_key(tenant=tenant, user=user)
    if key is not None and (clear := _usable_text(key)) is not None:
        return clear
    return _renewed(tenant, user)


@transaction.atomic
def set_playground(*, tenant: Tenant, user: User, limit_nanousd: int, team: Team | None) -> Budget:
    """Let the member spend so much a day from the playground, and count their calls under ``team``, if any.

    Raises:
        ValidationError: the amount is out of range, or the team is another tenant's.
    """
    clear_playground_key(tenant=tenant, user=user)
    key = playground_key(tenant=tenant, user=user)
    assert key is not None
    key.team = team
    save_row(key)
    return set_budget(tenant=tenant, name=BUDGET_NAME, level="key", key=key, window="day", limit_nanousd=limit_nanousd)


@across_tenants("a session ends in all tenants at once")
def end_playground_keys(user: User) -> None:
    """Refuse the keys that the person's session used, in every tenant."""
    for key in ApiKey.objects.filter(playground_user=user).usable(timezone.now()):
        revoke(key)


def _usable_text(key: ApiKey) -> str | None:
    now = timezone.now()
    if key.state(now) != "active" or key.expires_at is None or key.expires_at < now + RENEWED_BEFORE_END:
        return None
    clear = _text(key, key.expires_at)
    # With another SECRET_KEY the same row gives another text.
    return clear.clear if constant_time_compare(clear.key_hash, key.key_hash) else None


@transaction.atomic
def _renewed(tenant: Tenant, user: User) -> str:
    # Two first calls at the same time take turns.
    User.objects.select_for_update().get(pk=user.pk)
    key = playground_key(tenant=tenant, user=user)
    if key is not None and (clear := _usable_text(key)) is not None:
        return clear
    expires_at = timezone.now() + LASTS
    if key is None:
        return _created(tenant, user, expires_at)
    text = _text(key, expires_at)
    issue(key, text)
    key.expires_at, key.revoked_at = expires_at, None
    save_row(key, action=AuditEntry.Action.ROTATED)
    # The digest is no part of what is audited, and therefore of what save_row compares and writes.
    ApiKey.objects.for_tenant(tenant).filter(pk=key.pk).update(key_hash=text.key_hash)
    return text.clear


def _created(tenant: Tenant, user: User, expires_at: datetime) -> str:
    name = f"Playground of {user.get_username()}"[:200]
    key = ApiKey(tenant=tenant, name=name, scopes=_SCOPES, expires_at=expires_at, playground_user=user)
    text = _text(key, expires_at)
    issue(key, text)
    save_new(key)
    set_budget(
        tenant=tenant, name=BUDGET_NAME, level="key", key=key, window="day", limit_nanousd=DEFAULT_BUDGET_NANOUSD
    )
    return text.clear


def _text(key: ApiKey, expires_at: datetime) -> ClearKey:
    digest = salted_hmac(_SALT, f"{key.pk}:{expires_at.astimezone(UTC).isoformat()}", algorithm="sha256")
    recognised_by = API_KEY_KIND + f"play{digest.hexdigest()[:4]}"
    secret = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    clear = f"{recognised_by}_{secret}"
    return ClearKey(clear=clear, prefix=recognised_by, last_four=clear[-4:])
