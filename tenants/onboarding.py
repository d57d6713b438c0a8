"""A new customer in one step: the tenant, what it may spend, and the invitation of whoever owns it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.models import Membership, Tenant, User
from tenants.services import create_tenant, set_budget
from tenants.signing_in.invitations import invite

FIRST_BUDGET = "monthly"
"""What the first budget is called."""


@transaction.atomic
def open_tenant(
    *,
    slug: str,
    name: str,
    by: User,
    site: str = "",
    owner_email: str = "",
    month_limit_nanousd: int | None = None,
    beyond_limit: str = "block",
    **fields: Any,
) -> Tenant:
    """A tenant, with a monthly budget and an invited owner where they are given; ``fields`` are others of the tenant.

    ``site`` is where the invitation's link leads. Each part is audited as if it had been made by itself; when one is
    refused, none is made.

    Raises:
        PermissionDenied: ``by`` may not invite owners.
        ValidationError: a field is not valid, by its name in this function.
    """
    tenant = create_tenant(slug=slug, name=name, **fields)
    if month_limit_nanousd is not None:
        with _named(limit_nanousd="month_limit_nanousd", action="beyond_limit"):
            set_budget(tenant=tenant, name=FIRST_BUDGET, limit_nanousd=month_limit_nanousd, action=beyond_limit)
    if owner_email:
        with _named(email="owner_email"):
            invite(tenant=tenant, email=owner_email, role=Membership.Role.OWNER, by=by, site=site)
    return tenant


class _named:
    """Errors of a part's fields under the names that the whole has for them."""

    def __init__(self, **names: str) -> None:
        self.names = names

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _type: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            renamed = {self.names.get(name, name): errors for name, errors in error.error_dict.items()}
            raise ValidationError(renamed) from error
