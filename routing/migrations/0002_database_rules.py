"""What Django's constraints cannot say: prices of a model do not overlap, and a tenant judges routes that it can reach."""

from django.db import migrations

# A trigger and no exclusion constraint: that would need the extension btree_gist, which not every server has.
NO_OVERLAP = """
CREATE FUNCTION routing_modelprice_refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Prices of one model are written one after the other, so that none can miss another's.
    PERFORM pg_advisory_xact_lock(hashtextextended('routing_modelprice ' || NEW.model_id, 0));
    IF EXISTS (
        SELECT FROM routing_modelprice AS other
        WHERE other.model_id = NEW.model_id AND other.tenant_id IS NOT DISTINCT FROM NEW.tenant_id
            AND other.id <> NEW.id
            AND coalesce(other.valid_from, '-infinity') < coalesce(NEW.valid_until, 'infinity')
            AND coalesce(NEW.valid_from, '-infinity') < coalesce(other.valid_until, 'infinity')
    ) THEN
        RAISE EXCEPTION 'another price of the model holds at the same time'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'model_price_no_overlap';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER routing_modelprice_no_overlap BEFORE INSERT OR UPDATE ON routing_modelprice
    FOR EACH ROW EXECUTE FUNCTION routing_modelprice_refuse_overlap();
"""
NO_OVERLAP_UNDO = """
DROP TRIGGER routing_modelprice_no_overlap ON routing_modelprice;
DROP FUNCTION routing_modelprice_refuse_overlap();
"""

# What a tenant says about a route is refused unless that is its own or the platform's. A composite foreign key cannot
# say so: routes of the platform have no tenant.
OWN_OR_SHARED = """
CREATE FUNCTION routing_own_or_shared_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM routing_route
        WHERE id = NEW.route_id AND (tenant_id IS NULL OR tenant_id = NEW.tenant_id)
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the route is neither the tenant''s own nor the platform''s';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER own_or_shared_route BEFORE INSERT OR UPDATE OF tenant_id, route_id ON routing_routeconfidence
    FOR EACH ROW EXECUTE FUNCTION routing_own_or_shared_route();
CREATE TRIGGER own_or_shared_route BEFORE INSERT OR UPDATE OF tenant_id, route_id ON routing_answerjudgement
    FOR EACH ROW EXECUTE FUNCTION routing_own_or_shared_route();
"""
OWN_OR_SHARED_UNDO = """
DROP TRIGGER own_or_shared_route ON routing_answerjudgement;
DROP TRIGGER own_or_shared_route ON routing_routeconfidence;
DROP FUNCTION routing_own_or_shared_route();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_routes")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("routing", "0002_model_prices"),
        ("routing", "0003_prices_of_models"),
        ("routing", "0004_references_to_secret_stores"),
        ("routing", "0005_targets_go_with_their_tenant"),
        ("routing", "0006_answers_kept_by_routes"),
        ("routing", "0008_judgements_of_reachable_routes"),
    ]

    operations = [
        migrations.RunSQL(NO_OVERLAP, NO_OVERLAP_UNDO),
        migrations.RunSQL(OWN_OR_SHARED, OWN_OR_SHARED_UNDO),
    ]
