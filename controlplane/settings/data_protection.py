"""How long data stays, and the keys behind the audit log's signatures and the pseudonyms of erased end users."""

import hashlib
import hmac

from controlplane.settings.env import env
from controlplane.settings.security import SECRET_KEY

PAYLOAD_RETENTION_DAYS = env.payload_retention_days
LEDGER_RETENTION_DAYS = env.ledger_retention_days


def _derived(purpose: bytes) -> str:
    return hmac.new(SECRET_KEY.encode(), purpose, hashlib.sha256).hexdigest()


AUDIT_SIGNING_KEYS = env.audit_signing_keys or (_derived(b"audit checkpoints"),)
"""The first signs; signatures of the others are still believed."""
PSEUDONYM_KEY = env.pseudonym_key or _derived(b"pseudonyms of end users")
