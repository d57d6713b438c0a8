"""What hangs on a row belongs to the same tenant; what happened to an incident is not rewritten."""

from django.db import migrations

OWNED = ("slo", "alertrule", "incident", "channel")
SAME = (
    ("alertrule", "slo_id", "slo"),
    ("rulestate", "rule_id", "alertrule"),
    ("alert", "incident_id", "incident"),
    ("alert", "rule_id", "alertrule"),
    ("incidententry", "incident_id", "incident"),
    ("delivery", "incident_id", "incident"),
    ("delivery", "channel_id", "channel"),
)
DO = "".join(
    f"ALTER TABLE alerting_{name} ADD CONSTRAINT {name}_tenant_id_unique UNIQUE (tenant_id, id);\n" for name in OWNED
) + "".join(
    f"ALTER TABLE alerting_{name} ADD CONSTRAINT {name}_{other}_same_tenant FOREIGN KEY (tenant_id, {column})"
    f" REFERENCES alerting_{other} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;\n"
    for name, column, other in SAME
)
DO += """
ALTER TABLE alerting_channel ADD CONSTRAINT channel_secret_same_tenant
    FOREIGN KEY (tenant_id, secret_id) REFERENCES tenants_storedsecret (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
UNDO = "ALTER TABLE alerting_channel DROP CONSTRAINT channel_secret_same_tenant;\n"
UNDO += "".join(
    f"ALTER TABLE alerting_{name} DROP CONSTRAINT {name}_{other}_same_tenant;\n" for name, _, other in SAME
) + "".join(f"ALTER TABLE alerting_{name} DROP CONSTRAINT {name}_tenant_id_unique;\n" for name in OWNED)

WRITTEN_ONCE = """
CREATE FUNCTION alerting_entry_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of incidents are append-only';
END $$;
CREATE TRIGGER entry_is_written_once BEFORE UPDATE ON alerting_incidententry
    FOR EACH ROW EXECUTE FUNCTION alerting_entry_is_written_once();
"""
WRITTEN_ONCE_UNDO = """
DROP TRIGGER entry_is_written_once ON alerting_incidententry;
DROP FUNCTION alerting_entry_is_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [("alerting", "0001_alerts")]

    operations = [migrations.RunSQL(DO, UNDO), migrations.RunSQL(WRITTEN_ONCE, WRITTEN_ONCE_UNDO)]
