"""What Django's constraints cannot say, held by PostgreSQL whatever the code does: rows of one tenant refer to rows of
the same tenant, thresholds ascend, and the audit log is a chain that is never rewritten.
"""

from django.db import migrations

# A key's team, a limit's key, a webhook's secret ...: each of the tenant that refers to it.
SAME_TENANT = """
ALTER TABLE tenants_servicekey ADD CONSTRAINT service_key_tenant_id_unique UNIQUE (tenant_id, id);
ALTER TABLE tenants_storedsecret ADD CONSTRAINT stored_secret_tenant_id_unique UNIQUE (tenant_id, id);
ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_team_same_tenant
    FOREIGN KEY (tenant_id, team_id) REFERENCES tenants_team (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_rotated_same_tenant
    FOREIGN KEY (tenant_id, rotated_from_id) REFERENCES tenants_apikey (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_servicekey ADD CONSTRAINT service_key_rotated_same_tenant
    FOREIGN KEY (tenant_id, rotated_from_id) REFERENCES tenants_servicekey (tenant_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_ratelimit ADD CONSTRAINT rate_limit_team_same_tenant
    FOREIGN KEY (tenant_id, team_id) REFERENCES tenants_team (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_ratelimit ADD CONSTRAINT rate_limit_key_same_tenant
    FOREIGN KEY (tenant_id, key_id) REFERENCES tenants_apikey (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_budget ADD CONSTRAINT budget_team_same_tenant
    FOREIGN KEY (tenant_id, team_id) REFERENCES tenants_team (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_budget ADD CONSTRAINT budget_key_same_tenant
    FOREIGN KEY (tenant_id, key_id) REFERENCES tenants_apikey (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE tenants_notificationaddress ADD CONSTRAINT notification_webhook_same_tenant
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES tenants_storedsecret (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
SAME_TENANT_UNDO = """
ALTER TABLE tenants_notificationaddress DROP CONSTRAINT notification_webhook_same_tenant;
ALTER TABLE tenants_budget DROP CONSTRAINT budget_key_same_tenant, DROP CONSTRAINT budget_team_same_tenant;
ALTER TABLE tenants_ratelimit DROP CONSTRAINT rate_limit_key_same_tenant, DROP CONSTRAINT rate_limit_team_same_tenant;
ALTER TABLE tenants_servicekey DROP CONSTRAINT service_key_rotated_same_tenant;
ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_rotated_same_tenant, DROP CONSTRAINT api_key_team_same_tenant;
ALTER TABLE tenants_storedsecret DROP CONSTRAINT stored_secret_tenant_id_unique;
ALTER TABLE tenants_servicekey DROP CONSTRAINT service_key_tenant_id_unique;
"""

ASCENDING = """
CREATE FUNCTION tenants_thresholds_ascend(thresholds smallint[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN thresholds = ARRAY(SELECT DISTINCT item FROM unnest(thresholds) AS item ORDER BY item);
ALTER TABLE tenants_budget ADD CONSTRAINT budget_thresholds_ascend
    CHECK (tenants_thresholds_ascend(thresholds) AND 1 <= ALL (thresholds) AND 1000 >= ALL (thresholds));
"""
ASCENDING_UNDO = """
ALTER TABLE tenants_budget DROP CONSTRAINT budget_thresholds_ascend;
DROP FUNCTION tenants_thresholds_ascend(smallint[]);
"""

# The first key of a line of rotated ones is the account that calls are counted on.
KEYS = """
ALTER TABLE tenants_apikey ALTER COLUMN predecessors SET DEFAULT '{}';
CREATE INDEX api_key_by_account ON tenants_apikey ((predecessors[1]));
"""
KEYS_UNDO = """
DROP INDEX api_key_by_account;
ALTER TABLE tenants_apikey ALTER COLUMN predecessors DROP DEFAULT;
"""

# An entry may be updated once: when it gets its place, before its transaction is committed.
APPEND_ONLY = """
CREATE FUNCTION tenants_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND TG_TABLE_NAME = 'tenants_auditentry' THEN
        IF OLD.sequence IS NULL AND NEW.sequence IS NOT NULL
           AND to_jsonb(NEW) - '{sequence,previous_hash,hash}'::text[]
               = to_jsonb(OLD) - '{sequence,previous_hash,hash}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER tenants_auditentry_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION tenants_auditentry_refuse();
CREATE TRIGGER tenants_auditentry_never_truncated BEFORE TRUNCATE ON tenants_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_auditentry_refuse();
CREATE TRIGGER tenants_auditcheckpoint_append_only BEFORE UPDATE OR DELETE ON tenants_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION tenants_auditentry_refuse();
CREATE TRIGGER tenants_auditcheckpoint_never_truncated BEFORE TRUNCATE ON tenants_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_auditentry_refuse();
"""
APPEND_ONLY_UNDO = """
DROP TRIGGER tenants_auditcheckpoint_never_truncated ON tenants_auditcheckpoint;
DROP TRIGGER tenants_auditcheckpoint_append_only ON tenants_auditcheckpoint;
DROP TRIGGER tenants_auditentry_never_truncated ON tenants_auditentry;
DROP TRIGGER tenants_auditentry_append_only ON tenants_auditentry;
DROP FUNCTION tenants_auditentry_refuse();
"""

# Places are given at the end of the transaction under the lock of the chain's head: writers wait for each other only
# while they commit, and what is rolled back leaves no gap.
CHAIN = """
INSERT INTO tenants_auditchain (id, sequence, hash) VALUES (1, 0, repeat('0', 64));
CREATE FUNCTION tenants_auditentry_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head tenants_auditchain%ROWTYPE;
    entry record;
    place bigint;
    link text;
BEGIN
    PERFORM 1 FROM tenants_auditentry WHERE id = NEW.id AND sequence IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;  -- sealed with the first entry of this transaction
    END IF;
    INSERT INTO tenants_auditchain (id, sequence, hash) VALUES (1, 0, repeat('0', 64)) ON CONFLICT (id) DO NOTHING;
    SELECT * INTO head FROM tenants_auditchain WHERE id = 1 FOR UPDATE;
    FOR entry IN SELECT id, digest FROM tenants_auditentry WHERE sequence IS NULL ORDER BY id LOOP
        place := head.sequence + 1;
        link := encode(sha256(convert_to(format('{"digest":"%s","id":%s,"previous":"%s","sequence":%s}',
                                                entry.digest, entry.id, head.hash, place), 'UTF8')), 'hex');
        UPDATE tenants_auditentry SET sequence = place, previous_hash = head.hash, hash = link WHERE id = entry.id;
        head.sequence := place;
        head.hash := link;
    END LOOP;
    UPDATE tenants_auditchain SET sequence = head.sequence, hash = head.hash WHERE id = 1;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER tenants_auditentry_sealed AFTER INSERT ON tenants_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tenants_auditentry_seal();
"""
CHAIN_UNDO = """
DROP TRIGGER tenants_auditentry_sealed ON tenants_auditentry;
DROP FUNCTION tenants_auditentry_seal();
DELETE FROM tenants_auditchain;
"""

# Text search over what was changed: names of fields and all values, as whole words.
SEARCH = """
CREATE INDEX audit_words ON tenants_auditentry USING gin (
    (jsonb_to_tsvector('simple', before, '["all"]') || jsonb_to_tsvector('simple', after, '["all"]'))
);
"""
SEARCH_UNDO = "DROP INDEX audit_words"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_tenants")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("tenants", "0003_audit_chain"),
        ("tenants", "0004_roles_and_grants"),
        ("tenants", "0005_service_keys_and_secrets"),
        ("tenants", "0006_budgets"),
        ("tenants", "0007_kept_answers"),
        ("tenants", "0008_data_protection"),
        ("tenants", "0009_analytics_scope"),
        ("tenants", "0010_rotated_within_a_tenant"),
        ("tenants", "0011_keys_followed"),
        ("tenants", "0012_playground_keys"),
        ("tenants", "0013_notifications"),
        ("tenants", "0014_budget_resets"),
        ("tenants", "0015_slack_notifications"),
        ("tenants", "0016_webhooks_within_a_tenant"),
        ("tenants", "0017_erasures"),
        ("tenants", "0019_plan_of_tenants"),
    ]

    operations = [
        migrations.RunSQL(SAME_TENANT, SAME_TENANT_UNDO),
        migrations.RunSQL(ASCENDING, ASCENDING_UNDO),
        migrations.RunSQL(KEYS, KEYS_UNDO),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
        migrations.RunSQL(CHAIN, CHAIN_UNDO),
        migrations.RunSQL(SEARCH, SEARCH_UNDO),
    ]
