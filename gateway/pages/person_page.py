"""Pages from which a member makes calls in one tenant."""

from __future__ import annotations

from tenants.models import Tenant, User
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class PersonPage(WorkspacePage):
    """Whoever may create keys may make calls."""

    permission = TenantPermission.MANAGE_KEYS

    @property
    def tenant(self) -> Tenant:
        """These addresses are the portal's only."""
        assert self.workspace.tenant is not None
        return self.workspace.tenant

    @property
    def person(self) -> User:
        """Whoever calls is signed in."""
        assert isinstance(self.workspace.user, User)
        return self.workspace.user
