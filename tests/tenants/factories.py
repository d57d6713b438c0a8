"""Rows for tests, made the way the product makes them."""

from itertools import count

from tenants import services
from tenants.models import ApiKey, Team, Tenant, User

_numbers = count(1)


def make_tenant(**fields) -> Tenant:
    number = next(_numbers)
    return services.create_tenant(**{"slug": f"tenant-{number}", "name": f"Tenant {number}", **fields})


def make_team(tenant: Tenant | None = None, **fields) -> Team:
    return services.create_team(tenant=tenant or make_tenant(), **{"name": f"Team {next(_numbers)}", **fields})


def make_key(tenant: Tenant | None = None, **fields) -> ApiKey:
    key, _clear = services.create_key(tenant=tenant or make_tenant(), **{"name": f"Key {next(_numbers)}", **fields})
    return key


def make_user(**fields) -> User:
    number = next(_numbers)
    return User.objects.create_user(
        **{"username": f"user{number}", "email": f"user{number}@example.org", "password": "correct horse", **fields}
    )


def make_operator(**fields) -> User:
    return make_user(is_staff=True, is_superuser=True, **fields)
