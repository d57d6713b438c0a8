"""What Django's constraints cannot say: what belongs to a tenant's policy belongs to that tenant, and a published version stays as it is."""

from django.db import migrations

SAME_TENANT = """
ALTER TABLE guardrails_policy ADD CONSTRAINT policy_tenant_id_unique UNIQUE (tenant_id, id);
ALTER TABLE guardrails_policyversion ADD CONSTRAINT policy_version_same_tenant
    FOREIGN KEY (tenant_id, policy_id) REFERENCES guardrails_policy (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE guardrails_policycase ADD CONSTRAINT policy_case_same_tenant
    FOREIGN KEY (tenant_id, policy_id) REFERENCES guardrails_policy (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE guardrails_dryrun ADD CONSTRAINT dry_run_same_tenant
    FOREIGN KEY (tenant_id, policy_id) REFERENCES guardrails_policy (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE guardrails_falsepositive ADD CONSTRAINT false_positive_same_tenant
    FOREIGN KEY (tenant_id, policy_id) REFERENCES guardrails_policy (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
SAME_TENANT_UNDO = """
ALTER TABLE guardrails_falsepositive DROP CONSTRAINT false_positive_same_tenant;
ALTER TABLE guardrails_dryrun DROP CONSTRAINT dry_run_same_tenant;
ALTER TABLE guardrails_policycase DROP CONSTRAINT policy_case_same_tenant;
ALTER TABLE guardrails_policyversion DROP CONSTRAINT policy_version_same_tenant;
ALTER TABLE guardrails_policy DROP CONSTRAINT policy_tenant_id_unique;
"""

WRITTEN_ONCE = """
CREATE FUNCTION guardrails_version_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A published version is not changed; publish another.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER guardrails_version_is_written_once BEFORE UPDATE ON guardrails_policyversion
    FOR EACH ROW EXECUTE FUNCTION guardrails_version_is_written_once();
"""
WRITTEN_ONCE_UNDO = """
DROP TRIGGER guardrails_version_is_written_once ON guardrails_policyversion;
DROP FUNCTION guardrails_version_is_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [("guardrails", "0001_guardrails")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("guardrails", "0002_rows_of_one_tenant"),
        ("guardrails", "0004_judges_in_dry_runs"),
    ]

    operations = [
        migrations.RunSQL(SAME_TENANT, SAME_TENANT_UNDO),
        migrations.RunSQL(WRITTEN_ONCE, WRITTEN_ONCE_UNDO),
    ]
