"""Provider credentials: the keys that stored ones are encrypted under, and the stores that references lead to."""

from django.utils.functional import SimpleLazyObject

from controlplane.settings.env import env
from controlplane.settings.secret_key import kept_secret_key

# Made when the first secret is stored or read, not at every start: a read-only VAR_DIR is fine until then.
SECRETS_KEYS = env.secrets_keys or SimpleLazyObject(lambda: (kept_secret_key(env.layout.secrets_key),))
SECRETS_TTL_S = env.secrets_ttl_s
SECRETS_STALE_S = env.secrets_stale_s

VAULT_ADDR = env.vault_addr
VAULT_TOKEN = env.vault_token
VAULT_NAMESPACE = env.vault_namespace
VAULT_ROLE_ID = env.vault_role_id
VAULT_SECRET_ID = env.vault_secret_id
VAULT_APPROLE_MOUNT = env.vault_approle_mount
VAULT_CACERT = env.vault_cacert
AWS_REGION = env.aws_region
AZURE_KEYVAULT_DNS_SUFFIX = env.azure_keyvault_dns_suffix
