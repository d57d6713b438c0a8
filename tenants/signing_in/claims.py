"""What an OpenID Connect issuer says about a person, made into memberships.

``OIDC_ROLE_MAP`` lists rules ``value=tenant:role``: whoever has the value in the claim ``OIDC_ROLE_CLAIM`` is a member
of the tenant in that role; of several roles the strongest counts. A tenant that no rule names is none of the issuer's
business. In those that are named, people who sign in through the issuer are what it says at each sign-in, and no
members where it says nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.changes import delete_row
from tenants.models import Membership, Tenant, User
from tenants.roles import ROLE_CHOICES
from tenants.services import set_membership

logger = logging.getLogger(__name__)

_STRENGTH = {role: place for place, (role, _label) in enumerate(reversed(ROLE_CHOICES))}


def claimed_values(data: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The claim's values, from the ID token or userinfo; ``a.b`` looks into objects, a single text counts as one."""
    found: set[str] = set()
    for source in (data.get("id_token"), data.get("userinfo")):
        value: Any = source
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list | tuple):
            found.update(item for item in value if isinstance(item, str))
    return frozenset(found)


def roles_for(values: Iterable[str], rules: Iterable[str]) -> dict[str, str]:
    """Tenant's slug → the role that the values give there; empty for a tenant named in a rule that does not apply."""
    held = frozenset(values)
    roles: dict[str, str] = {}
    for rule in rules:
        value, _, place = rule.rpartition("=")
        slug, _, role = place.partition(":")
        best = roles.setdefault(slug, "")
        if value in held and (not best or _STRENGTH[role] > _STRENGTH[best]):
            roles[slug] = role
    return roles


@transaction.atomic
def follow_claims(*, user: User, data: Mapping[str, Any]) -> None:
    """Make the user's memberships in the tenants that rules name what the issuer says."""
    roles = roles_for(claimed_values(data, settings.OIDC_ROLE_CLAIM), settings.OIDC_ROLE_MAP)
    for tenant in Tenant.objects.filter(slug__in=roles):
        try:
            with transaction.atomic():
                _follow(user, tenant, roles[tenant.slug])
        except ValidationError as error:
            # The last owner stays: that they can sign in at all is worth more than the issuer's word.
            logger.warning("membership of %s in %s is not as claimed: %s", user.username, tenant.slug, error)


def _follow(user: User, tenant: Tenant, role: str) -> None:
    current = Membership.objects.for_tenant(tenant).filter(user=user).first()
    if role and (current is None or current.role != role):
        set_membership(user=user, tenant=tenant, role=role)
    elif not role and current is not None:
        delete_row(current)
