"""What Django's constraints cannot say: a key's team is of its own tenant, and the audit log is never rewritten."""

from django.db import migrations

SAME_TENANT = """
ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_team_same_tenant
    FOREIGN KEY (tenant_id, team_id) REFERENCES tenants_team (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_ratelimit ADD CONSTRAINT rate_limit_team_same_tenant
    FOREIGN KEY (tenant_id, team_id) REFERENCES tenants_team (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_ratelimit ADD CONSTRAINT rate_limit_key_same_tenant
    FOREIGN KEY (tenant_id, key_id) REFERENCES tenants_apikey (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""

SAME_TENANT_UNDO = """
ALTER TABLE tenants_ratelimit DROP CONSTRAINT rate_limit_key_same_tenant;
ALTER TABLE tenants_ratelimit DROP CONSTRAINT rate_limit_team_same_tenant;
ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_team_same_tenant;
"""

APPEND_ONLY = """
CREATE FUNCTION tenants_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER tenants_auditentry_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION tenants_auditentry_refuse();
"""

APPEND_ONLY_UNDO = """
DROP TRIGGER tenants_auditentry_append_only ON tenants_auditentry;
DROP FUNCTION tenants_auditentry_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(SAME_TENANT, SAME_TENANT_UNDO),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
    ]
