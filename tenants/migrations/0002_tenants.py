"""Tenants and what they have.

Apps of others that have tables about users are migrated before: each of their steps makes Django's picture of users
and of everything that hangs on them anew, so it had better be small by then.
"""

import uuid

import django.contrib.postgres.fields
import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tenants.budgets
import tenants.created_together
import tenants.kept_answers
import tenants.rows
import tenants.validators


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("sessions", "0001_initial"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ("tenants", "0001_users"),
    ]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("tenants", "0002_same_tenant_and_append_only"),
    ]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="Tenant",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "slug",
                        models.CharField(
                            help_text="Short name in addresses, files and metrics.",
                            max_length=63,
                            unique=True,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\Z",
                                    "Write lower-case letters, digits and inner hyphens, such as 'acme-eu'.",
                                )
                            ],
                        ),
                    ),
                    ("name", models.CharField(max_length=200)),
                    (
                        "active",
                        models.BooleanField(default=True, help_text="Every call of an inactive tenant is refused."),
                    ),
                    (
                        "time_zone",
                        models.CharField(
                            default="UTC",
                            help_text="IANA name; days, weeks and months of budgets begin at midnight here.",
                            max_length=64,
                            validators=[tenants.validators.validate_time_zone],
                        ),
                    ),
                    (
                        "default_route",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="Route for calls that name no model and match no other route. Empty: the default of the tenant's own routes, then the platform's.",
                            max_length=128,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9][A-Za-z0-9._:-]*\\Z",
                                    "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit.",
                                )
                            ],
                        ),
                    ),
                    (
                        "payload_storage",
                        models.CharField(
                            choices=[("none", "Nothing"), ("redacted", "Redacted"), ("stored", "Everything")],
                            default="none",
                            help_text="What of prompts and answers is kept in events and runs. 'Redacted' replaces personal data with a clear shape and credentials by placeholders before anything is written.",
                            max_length=16,
                        ),
                    ),
                    (
                        "redis_outage",
                        models.CharField(
                            choices=[
                                ("fail_open", "Admit, under a local share of each limit"),
                                ("fail_closed", "Refuse"),
                            ],
                            default="fail_open",
                            help_text="What happens to calls while Redis is unreachable.",
                            max_length=16,
                        ),
                    ),
                    (
                        "version",
                        models.PositiveBigIntegerField(
                            default=0,
                            editable=False,
                            help_text="Grows with every change of the tenant's configuration.",
                        ),
                    ),
                    (
                        "event_retention_days",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="Events and runs go after this many days. Empty: the platform's setting.",
                            null=True,
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(3650),
                            ],
                        ),
                    ),
                    (
                        "ledger_retention_days",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="Single usage records go after this many days; sums by day stay. Empty: the platform's setting.",
                            null=True,
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(3650),
                            ],
                        ),
                    ),
                    (
                        "payload_retention_days",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="Prompts and answers that are kept go after this many days. Empty: the platform's setting.",
                            null=True,
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(3650),
                            ],
                        ),
                    ),
                    ("cache_generation", models.PositiveIntegerField(default=0, editable=False)),
                    (
                        "cache_max_mib",
                        models.PositiveIntegerField(
                            default=256,
                            help_text="Kept answers and results of all routes and tools together; operators set it.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(102400),
                            ],
                            verbose_name="most MiB kept",
                        ),
                    ),
                    (
                        "cached_tools",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text='Tools that give the same result for the same arguments, with seconds to keep it: {"geocode": 3600}.',
                            validators=[tenants.kept_answers.validate_cached_tools],
                        ),
                    ),
                    (
                        "plan",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="What the tenant has subscribed to, such as 'free': rules of guardrails can ask for it.",
                            max_length=64,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\\Z",
                                    "Write lower-case letters, digits, inner hyphens and underscores.",
                                )
                            ],
                        ),
                    ),
                ],
                options={
                    "ordering": ["slug"],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("payload_storage__in", ["none", "redacted", "stored"])),
                            name="tenant_payload_storage_known",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("redis_outage__in", ["fail_open", "fail_closed"])),
                            name="tenant_redis_outage_known",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("slug__regex", "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")),
                            name="tenant_slug_shape",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("payload_retention_days", None),
                                ("payload_retention_days__range", (1, 3650)),
                                _connector="OR",
                            ),
                            name="tenant_payload_retention_days_bounded",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("event_retention_days", None),
                                ("event_retention_days__range", (1, 3650)),
                                _connector="OR",
                            ),
                            name="tenant_event_retention_days_bounded",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("ledger_retention_days", None),
                                ("ledger_retention_days__range", (1, 3650)),
                                _connector="OR",
                            ),
                            name="tenant_ledger_retention_days_bounded",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("cache_max_mib__gt", 0)), name="tenant_cache_bounded"
                        ),
                    ],
                    "permissions": [
                        ("change_settings", "change the tenant's settings"),
                        ("manage_members", "invite members, change their roles, remove them"),
                        ("manage_teams", "create, rename and delete teams"),
                        ("manage_keys", "create, rotate and revoke API keys"),
                        ("manage_secrets", "store and replace provider credentials"),
                        ("manage_routes", "change the tenant's own routes and models"),
                        ("manage_guardrails", "change guardrail policies"),
                        ("manage_limits", "change rate limits"),
                        ("manage_budgets", "change budgets"),
                        ("manage_prices", "set prices that differ from the catalogue"),
                        ("view_usage", "see calls and tokens"),
                        ("view_costs", "see costs and statements"),
                        ("view_runs", "see single calls"),
                        ("view_payloads", "read stored prompts and answers"),
                        ("view_audit", "read the audit log"),
                        ("export_audit", "export the audit log"),
                        ("erase_user_data", "erase one end user's data"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Team",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("name", models.CharField(max_length=200)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="teams", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "ordering": ["tenant", "name"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="team_name_unique",
                            violation_error_message="The tenant has a team of this name already.",
                        ),
                        models.UniqueConstraint(fields=("tenant", "id"), name="team_tenant_id_unique"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Membership",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "role",
                        models.CharField(
                            choices=[
                                ("owner", "Owner"),
                                ("admin", "Admin"),
                                ("developer", "Developer"),
                                ("viewer", "Viewer"),
                                ("billing", "Billing"),
                            ],
                            default="viewer",
                            max_length=16,
                        ),
                    ),
                    (
                        "user",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="memberships",
                            to=settings.AUTH_USER_MODEL,
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "ordering": ["tenant", "user"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("user", "tenant"),
                            name="membership_unique",
                            violation_error_message="The user is a member of this tenant already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("role__in", ["owner", "admin", "developer", "viewer", "billing"])),
                            name="membership_role_known",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Invitation",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                    (
                        "role",
                        models.CharField(
                            choices=[
                                ("owner", "Owner"),
                                ("admin", "Admin"),
                                ("developer", "Developer"),
                                ("viewer", "Viewer"),
                                ("billing", "Billing"),
                            ],
                            max_length=16,
                        ),
                    ),
                    ("invited_by", models.CharField(editable=False, max_length=150)),
                    ("expires_at", models.DateTimeField()),
                    ("accepted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("withdrawn_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "ordering": ("tenant", "-created_at"),
                    "constraints": [
                        models.UniqueConstraint(
                            models.F("tenant"),
                            django.db.models.functions.text.Lower("email"),
                            condition=models.Q(("accepted_at", None), ("withdrawn_at", None)),
                            name="invitation_open_once",
                            violation_error_message="This address has an open invitation already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("role__in", ["owner", "admin", "developer", "viewer", "billing"])),
                            name="invitation_role_known",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="TenantGrant",
                fields=[
                    (
                        "id",
                        models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                    ),
                    (
                        "content_object",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="grants", to="tenants.tenant"
                        ),
                    ),
                    (
                        "permission",
                        models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission"),
                    ),
                    (
                        "user",
                        models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
                    ),
                ],
                options={
                    "abstract": False,
                    "indexes": [models.Index(fields=["content_object", "user"], name="tenant_grant_by_tenant")],
                    "unique_together": {("user", "permission", "content_object")},
                },
            ),
            migrations.CreateModel(
                name="ApiKey",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "name",
                        models.CharField(
                            help_text="What the key is for, such as 'checkout service, production'.", max_length=200
                        ),
                    ),
                    (
                        "key_hash",
                        models.CharField(
                            editable=False, help_text="SHA-256 of the key, in hexadecimal.", max_length=64, unique=True
                        ),
                    ),
                    ("prefix", models.CharField(db_index=True, editable=False, max_length=16)),
                    ("last_four", models.CharField(editable=False, max_length=4)),
                    (
                        "scopes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                choices=[
                                    ("chat", "chat"),
                                    ("embeddings", "embeddings"),
                                    ("runs", "runs"),
                                    ("models", "models"),
                                    ("events", "events"),
                                    ("analytics", "analytics"),
                                ],
                                max_length=16,
                            ),
                            default=list,
                            help_text="What the key may be used for.",
                            size=None,
                        ),
                    ),
                    (
                        "allowed_routes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=128),
                            blank=True,
                            default=list,
                            help_text="Route names; empty allows all.",
                            size=None,
                        ),
                    ),
                    (
                        "allowed_models",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=200),
                            blank=True,
                            default=list,
                            help_text="Model names; empty allows all.",
                            size=None,
                        ),
                    ),
                    (
                        "ip_allow",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=43, validators=[tenants.validators.validate_cidr]),
                            blank=True,
                            default=list,
                            help_text="Address blocks (CIDR) that may use the key; empty allows all.",
                            size=None,
                        ),
                    ),
                    ("expires_at", models.DateTimeField(blank=True, help_text="Empty: never.", null=True)),
                    ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("created_by", models.CharField(blank=True, default="", editable=False, max_length=150)),
                    (
                        "team",
                        models.ForeignKey(
                            blank=True,
                            help_text="Whose limits the key shares.",
                            null=True,
                            on_delete=django.db.models.deletion.RESTRICT,
                            related_name="keys",
                            to="tenants.team",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="tenants.tenant"
                        ),
                    ),
                    (
                        "rotated_from",
                        models.OneToOneField(
                            blank=True,
                            editable=False,
                            help_text="The key that this one replaces.",
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="successor",
                            to="tenants.apikey",
                        ),
                    ),
                    (
                        "predecessors",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.UUIDField(),
                            blank=True,
                            default=list,
                            editable=False,
                            help_text="Ids of the keys that this one followed by rotation, the first one first.",
                            size=None,
                        ),
                    ),
                    (
                        "playground_user",
                        models.ForeignKey(
                            blank=True,
                            editable=False,
                            help_text="Whose calls from the playground the key makes; nobody ever sees the key itself.",
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="playground_keys",
                            to=settings.AUTH_USER_MODEL,
                        ),
                    ),
                ],
                options={
                    "verbose_name": "API key",
                    "verbose_name_plural": "API keys",
                    "ordering": ["tenant", "-created_at"],
                    "indexes": [models.Index(fields=["tenant", "revoked_at"], name="api_key_by_state")],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("key_hash__regex", "^[0-9a-f]{64}$")), name="api_key_hash_is_sha256_hex"
                        ),
                        models.UniqueConstraint(fields=("tenant", "id"), name="api_key_tenant_id_unique"),
                        models.CheckConstraint(
                            condition=models.Q(
                                (
                                    "scopes__contained_by",
                                    ["chat", "embeddings", "runs", "models", "events", "analytics"],
                                ),
                                ("scopes__len__gt", 0),
                            ),
                            name="api_key_has_known_scopes",
                            violation_error_message="Give the key at least one scope, of the known ones.",
                        ),
                        models.UniqueConstraint(
                            condition=models.Q(("playground_user__isnull", False)),
                            fields=("tenant", "playground_user"),
                            name="api_key_playground_unique",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ServiceKey",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "name",
                        models.CharField(
                            help_text="What the key is for, such as 'checkout service, production'.", max_length=200
                        ),
                    ),
                    (
                        "key_hash",
                        models.CharField(
                            editable=False, help_text="SHA-256 of the key, in hexadecimal.", max_length=64, unique=True
                        ),
                    ),
                    ("prefix", models.CharField(db_index=True, editable=False, max_length=16)),
                    ("last_four", models.CharField(editable=False, max_length=4)),
                    (
                        "ip_allow",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=43, validators=[tenants.validators.validate_cidr]),
                            blank=True,
                            default=list,
                            help_text="Address blocks (CIDR) that may use the key; empty allows all.",
                            size=None,
                        ),
                    ),
                    ("expires_at", models.DateTimeField(blank=True, help_text="Empty: never.", null=True)),
                    ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("created_by", models.CharField(blank=True, default="", editable=False, max_length=150)),
                    (
                        "scopes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                choices=[("manage", "manage"), ("manage:read", "manage:read")], max_length=16
                            ),
                            default=list,
                            help_text="'manage' may change everything the key sees, 'manage:read' may look at it.",
                            size=None,
                        ),
                    ),
                    (
                        "rotated_from",
                        models.OneToOneField(
                            blank=True,
                            editable=False,
                            help_text="The key that this one replaces.",
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="successor",
                            to="tenants.servicekey",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: the key manages the whole installation.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="service_keys",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "verbose_name": "service key",
                    "ordering": ("tenant", "-created_at"),
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("key_hash__regex", "^[0-9a-f]{64}$")),
                            name="service_key_hash_is_sha256_hex",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("scopes__contained_by", ["manage", "manage:read"]), ("scopes__len__gt", 0)
                            ),
                            name="service_key_has_known_scopes",
                            violation_error_message="Give the key at least one scope, of the known ones.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="StoredSecret",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "name",
                        models.CharField(
                            help_text="Referred to as db:NAME by the owner's providers.",
                            max_length=128,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9][A-Za-z0-9._-]*\\Z",
                                    "Write letters, digits, '.', '_' and '-', starting with a letter or digit.",
                                )
                            ],
                        ),
                    ),
                    (
                        "description",
                        models.CharField(
                            blank=True, default="", help_text="What it is for. Not the value.", max_length=200
                        ),
                    ),
                    ("ciphertext", models.BinaryField()),
                    (
                        "key_id",
                        models.CharField(
                            db_index=True,
                            editable=False,
                            help_text="Fingerprint of the key that the value is encrypted under.",
                            max_length=16,
                            verbose_name="encryption key",
                        ),
                    ),
                    (
                        "value_version",
                        models.PositiveIntegerField(
                            default=1, editable=False, help_text="Grows with every new value.", verbose_name="version"
                        ),
                    ),
                    ("set_at", models.DateTimeField(editable=False, verbose_name="value set at")),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Whose providers may use it. Empty: the platform's own providers.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="stored_secrets",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("tenant", "name"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="stored_secret_name_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a secret of this name already; give it a new value instead.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("name__regex", "^[A-Za-z0-9][A-Za-z0-9._-]*$")),
                            name="stored_secret_name_shape",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="RateLimit",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "level",
                        models.CharField(
                            choices=[
                                ("tenant", "Tenant"),
                                ("team", "Team"),
                                ("key", "API key"),
                                ("user", "each end user"),
                            ],
                            max_length=8,
                        ),
                    ),
                    (
                        "metric",
                        models.CharField(
                            choices=[
                                ("requests", "Requests"),
                                ("tokens", "Tokens"),
                                ("concurrency", "calls at a time"),
                            ],
                            max_length=16,
                        ),
                    ),
                    ("value", models.PositiveBigIntegerField(help_text="The most that is admitted in one window.")),
                    (
                        "window_s",
                        models.PositiveIntegerField(
                            default=60,
                            help_text="Seconds; 0 for calls at a time, which know no window.",
                            verbose_name="window (s)",
                        ),
                    ),
                    (
                        "key",
                        models.ForeignKey(
                            blank=True,
                            help_text="For level 'key' only.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="rate_limits",
                            to="tenants.apikey",
                        ),
                    ),
                    (
                        "team",
                        models.ForeignKey(
                            blank=True,
                            help_text="For level 'team' only.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="rate_limits",
                            to="tenants.team",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="rate_limits", to="tenants.tenant"
                        ),
                    ),
                    (
                        "max_wait_ms",
                        models.PositiveIntegerField(
                            default=0,
                            help_text="For calls at a time: how long a call may wait for one to end. 0: it is refused at once.",
                            validators=[django.core.validators.MaxValueValidator(60000)],
                            verbose_name="longest wait (ms)",
                        ),
                    ),
                ],
                options={
                    "ordering": ["tenant", "level", "metric", "window_s"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "level", "team", "key", "metric", "window_s"),
                            name="rate_limit_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a limit of this kind already; change its value instead.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("key", None), ("level__in", ["tenant", "user"]), ("team", None)),
                                models.Q(("key", None), ("level", "team"), ("team__isnull", False)),
                                models.Q(("key__isnull", False), ("level", "key"), ("team", None)),
                                _connector="OR",
                            ),
                            name="rate_limit_subject_matches_level",
                            violation_error_message="Level 'team' needs a team, level 'key' a key, and the others neither.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("metric", "concurrency"), ("window_s", 0)),
                                models.Q(("metric__in", ["requests", "tokens"]), ("window_s__gt", 0)),
                                _connector="OR",
                            ),
                            name="rate_limit_window_matches_metric",
                            violation_error_message="Calls at a time take a window of 0; requests and tokens one of at least 1 s.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("value__gt", 0)),
                            name="rate_limit_value_positive",
                            violation_error_message="A limit is at least 1; to refuse everything, revoke the key instead.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("max_wait_ms", 0),
                                models.Q(("max_wait_ms__lte", 60000), ("metric", "concurrency")),
                                _connector="OR",
                            ),
                            name="rate_limit_wait_matches_metric",
                            violation_error_message="Only calls at a time can be waited for, and for 60,000 ms at most.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Budget",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "name",
                        models.CharField(
                            help_text="Shown in errors, events and reports, such as 'monthly'.", max_length=100
                        ),
                    ),
                    (
                        "level",
                        models.CharField(
                            choices=[
                                ("tenant", "Tenant"),
                                ("team", "Team"),
                                ("key", "API key"),
                                ("user", "each end user"),
                            ],
                            default="tenant",
                            max_length=8,
                        ),
                    ),
                    (
                        "limit_nanousd",
                        models.PositiveBigIntegerField(
                            help_text="The most that may be spent in one window, in nano-USD.", verbose_name="limit"
                        ),
                    ),
                    (
                        "window",
                        models.CharField(
                            choices=[
                                ("hour", "Hour"),
                                ("day", "Day"),
                                ("week", "Week"),
                                ("month", "Month"),
                                ("total", "for ever"),
                            ],
                            default="month",
                            help_text="Days, weeks (from Monday) and months begin at midnight in the tenant's time zone.",
                            max_length=8,
                        ),
                    ),
                    (
                        "action",
                        models.CharField(
                            choices=[
                                ("block", "block calls"),
                                ("degrade", "degrade calls"),
                                ("alert_only", "alert only"),
                            ],
                            default="block",
                            help_text="Block: calls are refused with 402. Degrade: they go to a cheaper route or get shorter answers.",
                            max_length=16,
                            verbose_name="beyond the limit",
                        ),
                    ),
                    (
                        "thresholds",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.PositiveSmallIntegerField(
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000),
                                ]
                            ),
                            blank=True,
                            default=tenants.budgets.default_thresholds,
                            help_text="Percentages of the limit, ascending; crossing one is told once per window.",
                            size=20,
                        ),
                    ),
                    (
                        "degrade_route",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="With 'degrade': where calls go beyond the limit. Empty: the route they asked for.",
                            max_length=128,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9][A-Za-z0-9._:-]*\\Z",
                                    "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit.",
                                )
                            ],
                        ),
                    ),
                    (
                        "degrade_max_output_tokens",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="With 'degrade': the longest answer beyond the limit. Empty: as asked for.",
                            null=True,
                            verbose_name="degraded answer (tokens)",
                        ),
                    ),
                    (
                        "enabled",
                        models.BooleanField(default=True, help_text="A disabled budget neither counts nor acts."),
                    ),
                    (
                        "key",
                        models.ForeignKey(
                            blank=True,
                            help_text="For level 'key' only.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="budgets",
                            to="tenants.apikey",
                        ),
                    ),
                    (
                        "team",
                        models.ForeignKey(
                            blank=True,
                            help_text="For level 'team' only.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="budgets",
                            to="tenants.team",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="budgets", to="tenants.tenant"
                        ),
                    ),
                    (
                        "counts_from",
                        models.DateTimeField(
                            blank=True,
                            editable=False,
                            help_text="When somebody last let the budget begin anew within its window; spending before does not count.",
                            null=True,
                        ),
                    ),
                ],
                options={
                    "ordering": ("tenant", "level", "name", "window", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "level", "team", "key", "window", "name"),
                            name="budget_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a budget of this name, subject and window already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("key", None), ("level__in", ["tenant", "user"]), ("team", None)),
                                models.Q(("key", None), ("level", "team"), ("team__isnull", False)),
                                models.Q(("key__isnull", False), ("level", "key"), ("team", None)),
                                _connector="OR",
                            ),
                            name="budget_subject_matches_level",
                            violation_error_message="Level 'team' needs a team, level 'key' a key, and the others neither.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("limit_nanousd__gt", 0), ("limit_nanousd__lte", 9007199254740992)),
                            name="budget_limit_in_range",
                            violation_error_message="A budget is more than 0 and at most 9,007,199.254740992 US dollars; to refuse everything, revoke the keys instead.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("window__in", ["hour", "day", "week", "month", "total"])),
                            name="budget_window_known",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("action__in", ["block", "alert_only"]),
                                    ("degrade_max_output_tokens", None),
                                    ("degrade_route", ""),
                                ),
                                models.Q(
                                    ("action", "degrade"),
                                    models.Q(
                                        models.Q(("degrade_route", ""), _negated=True),
                                        ("degrade_max_output_tokens__isnull", False),
                                        _connector="OR",
                                    ),
                                ),
                                _connector="OR",
                            ),
                            name="budget_degradation_matches_action",
                            violation_error_message="Action 'degrade' needs a route or a longest answer; the others take neither.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("degrade_max_output_tokens", None),
                                ("degrade_max_output_tokens__gt", 0),
                                _connector="OR",
                            ),
                            name="budget_degraded_answer_positive",
                            violation_error_message="A degraded answer has at least one token.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("action", "alert_only"), _negated=True),
                                ("thresholds__len__gt", 0),
                                _connector="OR",
                            ),
                            name="budget_alert_has_thresholds",
                            violation_error_message="A budget that only alerts needs at least one threshold.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="NotificationAddress",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("email", models.EmailField(blank=True, default="", max_length=254, verbose_name="e-mail address")),
                    (
                        "from_percent",
                        models.PositiveSmallIntegerField(
                            default=1,
                            help_text="Thresholds from this percentage of a budget on are told.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(1000),
                            ],
                            verbose_name="from",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="notification_addresses",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "channel",
                        models.CharField(
                            blank=True, default="", help_text="Of Slack: what people call it.", max_length=80
                        ),
                    ),
                    (
                        "kind",
                        models.CharField(
                            choices=[("email", "E-mail"), ("slack", "Slack")], default="email", max_length=8
                        ),
                    ),
                    (
                        "webhook",
                        models.ForeignKey(
                            blank=True,
                            help_text="Of Slack: the secret that holds the incoming webhook's URL.",
                            null=True,
                            on_delete=django.db.models.deletion.RESTRICT,
                            related_name="notification_addresses",
                            to="tenants.storedsecret",
                        ),
                    ),
                    (
                        "webhook_shown",
                        models.CharField(
                            blank=True,
                            default="",
                            editable=False,
                            help_text="The webhook's URL without what is secret.",
                            max_length=120,
                        ),
                    ),
                ],
                options={
                    "ordering": ("tenant", "kind", "email", "channel"),
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("from_percent__range", (1, 1000))),
                            name="notification_address_percent_in_range",
                        ),
                        models.UniqueConstraint(
                            models.F("tenant"),
                            django.db.models.functions.text.Lower("email"),
                            condition=models.Q(("kind", "email")),
                            name="notification_address_unique",
                            violation_error_message="This address is told already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("kind", "email"), ("webhook", None), models.Q(("email", ""), _negated=True)),
                                models.Q(
                                    ("email", ""),
                                    ("kind", "slack"),
                                    ("webhook__isnull", False),
                                    models.Q(("channel", ""), _negated=True),
                                ),
                                _connector="OR",
                            ),
                            name="notification_address_of_its_kind",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="BudgetNotice",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("event_id", models.UUIDField(default=uuid.uuid4)),
                    ("sent_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                    (
                        "address",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="notices",
                            to="tenants.notificationaddress",
                        ),
                    ),
                ],
                options={
                    "constraints": [models.UniqueConstraint(fields=("address", "event_id"), name="budget_notice_once")],
                },
            ),
            migrations.CreateModel(
                name="KeptAnswer",
                fields=[
                    (
                        "id",
                        models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                    ),
                    ("key_digest", models.CharField(max_length=64, unique=True)),
                    ("principal", models.CharField(max_length=100)),
                    ("request_digest", models.CharField(max_length=64)),
                    ("answer", models.BinaryField()),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("expires_at", models.DateTimeField()),
                ],
                options={
                    "indexes": [models.Index(fields=["expires_at"], name="kept_answer_by_expiry")],
                },
            ),
            migrations.CreateModel(
                name="ErasedEndUser",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("pseudonym", models.CharField(max_length=64)),
                    (
                        "erased_at",
                        models.DateTimeField(
                            default=django.utils.timezone.now, help_text="What happened until then is erased."
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="erased_end_users",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("tenant", "pseudonym"), name="erased_end_user_unique")
                    ],
                },
            ),
            migrations.CreateModel(
                name="Erasure",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("pseudonym", models.CharField(max_length=64)),
                    (
                        "sealed",
                        models.BinaryField(
                            default=b"", help_text="The id, encrypted; empty once the erasure has ended."
                        ),
                    ),
                    ("key_id", models.CharField(default="", max_length=16)),
                    ("requested_by", models.CharField(max_length=200)),
                    ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                    (
                        "state",
                        models.CharField(
                            choices=[
                                ("waiting", "Waiting"),
                                ("running", "Running"),
                                ("done", "Done"),
                                ("failed", "Failed"),
                            ],
                            default="waiting",
                            max_length=8,
                        ),
                    ),
                    (
                        "step",
                        models.CharField(
                            default="", help_text="What is being gone through: events or runs.", max_length=16
                        ),
                    ),
                    ("events", models.PositiveBigIntegerField(default=0)),
                    ("runs", models.PositiveBigIntegerField(default=0)),
                    ("usage_records", models.PositiveBigIntegerField(default=0)),
                    ("error", models.CharField(default="", max_length=200)),
                    ("ended_at", models.DateTimeField(null=True)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="erasures", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "indexes": [models.Index(fields=["tenant", "-requested_at"], name="erasure_of_tenant")],
                },
            ),
            migrations.CreateModel(
                name="AuditEntry",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ("actor", models.CharField(max_length=200)),
                    ("source_ip", models.CharField(blank=True, default="", max_length=45, verbose_name="address")),
                    (
                        "action",
                        models.CharField(
                            choices=[
                                ("created", "Created"),
                                ("updated", "Updated"),
                                ("deleted", "Deleted"),
                                ("revoked", "Revoked"),
                                ("rotated", "Rotated"),
                                ("read", "Read"),
                                ("exported", "Exported"),
                                ("erased", "Erased"),
                                ("invited", "Invited"),
                                ("signed_in", "signed in"),
                                ("signed_out", "signed out"),
                                ("sign_in_failed", "sign-in failed"),
                                ("locked_out", "locked out"),
                            ],
                            max_length=16,
                        ),
                    ),
                    ("object_type", models.CharField(max_length=64)),
                    ("object_id", models.CharField(max_length=64)),
                    ("object_name", models.CharField(max_length=300)),
                    (
                        "tenant_ref",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="The tenant's id; empty for the platform's own.",
                            max_length=64,
                            verbose_name="tenant",
                        ),
                    ),
                    (
                        "before",
                        models.JSONField(
                            blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                        ),
                    ),
                    (
                        "after",
                        models.JSONField(
                            blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                        ),
                    ),
                    (
                        "digest",
                        models.CharField(
                            editable=False,
                            help_text="SHA-256 of the canonical JSON of all the fields above.",
                            max_length=64,
                        ),
                    ),
                    (
                        "sequence",
                        models.PositiveBigIntegerField(
                            editable=False,
                            help_text="Place in the chain, from 1 and without gaps.",
                            null=True,
                            unique=True,
                        ),
                    ),
                    ("previous_hash", models.CharField(default="", editable=False, max_length=64)),
                    (
                        "hash",
                        models.CharField(
                            default="",
                            editable=False,
                            help_text="SHA-256 over place, digest and the previous hash.",
                            max_length=64,
                        ),
                    ),
                ],
                options={
                    "verbose_name_plural": "audit entries",
                    "ordering": ("-id",),
                    "indexes": [
                        models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
                        models.Index(
                            models.F("tenant_ref"),
                            models.OrderBy(models.F("id"), descending=True),
                            name="audit_by_tenant",
                        ),
                        models.Index(models.OrderBy(models.F("at"), descending=True), name="audit_by_time"),
                        models.Index(condition=models.Q(("sequence", None)), fields=["id"], name="audit_unsealed"),
                    ],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(
                                (
                                    "action__in",
                                    [
                                        "created",
                                        "updated",
                                        "deleted",
                                        "revoked",
                                        "rotated",
                                        "read",
                                        "exported",
                                        "erased",
                                        "invited",
                                        "signed_in",
                                        "signed_out",
                                        "sign_in_failed",
                                        "locked_out",
                                    ],
                                )
                            ),
                            name="audit_action_known",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")), name="audit_digest_is_sha256_hex"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="AuditChain",
                fields=[
                    ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ("sequence", models.PositiveBigIntegerField(default=0)),
                    ("hash", models.CharField(max_length=64)),
                ],
                options={
                    "constraints": [
                        models.CheckConstraint(condition=models.Q(("id", 1)), name="audit_chain_has_one_head")
                    ],
                },
            ),
            migrations.CreateModel(
                name="AuditCheckpoint",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ("sequence", models.PositiveBigIntegerField()),
                    ("hash", models.CharField(max_length=64)),
                    ("key_id", models.CharField(max_length=16)),
                    (
                        "signature",
                        models.CharField(
                            help_text="HMAC-SHA-256 over the canonical JSON of the other fields.", max_length=64
                        ),
                    ),
                ],
                options={
                    "ordering": ("-id",),
                },
            ),
        ),
    ]
