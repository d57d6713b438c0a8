"""What hangs on a row belongs to the same tenant, and a variant has a policy that the tenant can reach."""

from django.db import migrations

OWNED = ("goldenset", "goldenversion", "goldenitem", "evalrun", "runitem", "variant", "itemresult")
SAME = (
    ("goldenversion", "golden_set_id", "goldenset"),
    ("goldenitem", "version_id", "goldenversion"),
    ("goldenupload", "golden_set_id", "goldenset"),
    ("evalrun", "version_id", "goldenversion"),
    ("variant", "run_id", "evalrun"),
    ("runitem", "run_id", "evalrun"),
    ("runitem", "item_id", "goldenitem"),
    ("itemresult", "run_id", "evalrun"),
    ("itemresult", "run_item_id", "runitem"),
    ("itemresult", "variant_id", "variant"),
    ("score", "result_id", "itemresult"),
    ("judgeanswer", "result_id", "itemresult"),
    ("gate", "golden_set_id", "goldenset"),
    ("label", "result_id", "itemresult"),
)
DO = "".join(
    f"ALTER TABLE evaluation_{name} ADD CONSTRAINT {name}_tenant_id_unique UNIQUE (tenant_id, id);\n" for name in OWNED
) + "".join(
    f"ALTER TABLE evaluation_{name} ADD CONSTRAINT {name}_{other}_same_tenant FOREIGN KEY (tenant_id, {column})"
    f" REFERENCES evaluation_{other} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;\n"
    for name, column, other in SAME
)
UNDO = "".join(
    f"ALTER TABLE evaluation_{name} DROP CONSTRAINT {name}_{other}_same_tenant;\n" for name, _, other in SAME
) + "".join(f"ALTER TABLE evaluation_{name} DROP CONSTRAINT {name}_tenant_id_unique;\n" for name in OWNED)

# A composite foreign key cannot say this: policies of the platform have no tenant.
OWN_OR_SHARED = """
CREATE FUNCTION evaluation_own_or_shared_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.policy_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM guardrails_policy
        WHERE id = NEW.policy_id AND (tenant_id IS NULL OR tenant_id = NEW.tenant_id)
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the policy is neither the tenant''s own nor the platform''s';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER own_or_shared_policy BEFORE INSERT OR UPDATE OF tenant_id, policy_id ON evaluation_variant
    FOR EACH ROW EXECUTE FUNCTION evaluation_own_or_shared_policy();
"""
OWN_OR_SHARED_UNDO = """
DROP TRIGGER own_or_shared_policy ON evaluation_variant;
DROP FUNCTION evaluation_own_or_shared_policy();
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_golden_sets_and_runs"), ("guardrails", "0002_database_rules")]

    operations = [migrations.RunSQL(DO, UNDO), migrations.RunSQL(OWN_OR_SHARED, OWN_OR_SHARED_UNDO)]
