"""Names of the channel groups: one per tenant, one for what belongs to no tenant, one for everything."""

from __future__ import annotations

import hashlib
import re
from typing import Final

PLATFORM_GROUP: Final = "events.platform"
EVERYTHING_GROUP: Final = "events.everything"
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def group_of(tenant_id: str) -> str:
    """The group of a tenant's watchers; an empty id is what belongs to none. Other tenants can never share it."""
    if not tenant_id:
        return PLATFORM_GROUP
    if _PLAIN.fullmatch(tenant_id):
        return f"events.tenant.{tenant_id}"
    # Channels allows few characters in a name; a digest has another form than any plain id that fits the pattern.
    return f"events.tenant.sha256_{hashlib.sha256(tenant_id.encode('utf-8', 'replace')).hexdigest()}"
