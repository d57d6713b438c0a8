"""What searching rests on: storage, counts of lexemes that follow every delete, and texts behind row-level security.

The role that reads texts is made where the database's user may make roles; without it the same conditions stand in
the statements alone. It is the server's, not the database's, so another installation may have made it already.
"""

from django.db import migrations

STORAGE = """
-- A chunk's search columns stay in its row, the text goes beside it: scoring reads the former of thousands.
ALTER TABLE rag_chunk SET (toast_tuple_target = 4096);
ALTER TABLE rag_chunk ALTER COLUMN lexemes SET STORAGE MAIN, ALTER COLUMN weights SET STORAGE MAIN;
ALTER TABLE rag_chunkvector ALTER COLUMN vector SET STORAGE MAIN;
ALTER INDEX chunk_lexemes SET (fastupdate = off);
ALTER TABLE rag_lexeme SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX chunk_vector_metadata ON rag_chunkvector USING gin (metadata jsonb_path_ops);
"""
STORAGE_UNDO = """
DROP INDEX chunk_vector_metadata;
ALTER TABLE rag_lexeme RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER INDEX chunk_lexemes RESET (fastupdate);
ALTER TABLE rag_chunkvector ALTER COLUMN vector SET STORAGE EXTERNAL;
ALTER TABLE rag_chunk ALTER COLUMN lexemes SET STORAGE EXTENDED, ALTER COLUMN weights SET STORAGE EXTERNAL;
ALTER TABLE rag_chunk RESET (toast_tuple_target);
"""

COUNTS = """
CREATE FUNCTION rag_lock_lexemes(collection uuid) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('rag_lexeme' || collection::text, 0));
$$;
CREATE FUNCTION rag_chunks_are_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One writer a collection at a time, in one order: nobody waits for each other in a circle.
    PERFORM rag_lock_lexemes(collection_id)
    FROM (SELECT DISTINCT collection_id FROM gone ORDER BY collection_id) AS theirs;
    UPDATE rag_lexeme AS known SET chunks = known.chunks - lost.chunks
    FROM (
        SELECT gone.tenant_id, gone.collection_id, word.lexeme, count(*)::integer AS chunks
        FROM gone, unnest(gone.lexemes) AS word GROUP BY 1, 2, 3
    ) AS lost
    WHERE known.tenant_id = lost.tenant_id AND known.collection_id = lost.collection_id AND known.lexeme = lost.lexeme;
    UPDATE rag_collection SET documents_at = clock_timestamp()
    WHERE id IN (SELECT DISTINCT collection_id FROM gone);
    RETURN NULL;
END $$;
CREATE TRIGGER chunks_are_gone AFTER DELETE ON rag_chunk REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION rag_chunks_are_gone();
"""
COUNTS_UNDO = """
DROP TRIGGER chunks_are_gone ON rag_chunk;
DROP FUNCTION rag_chunks_are_gone();
DROP FUNCTION rag_lock_lexemes(uuid);
"""

ROLE = """
DO $$
BEGIN
    CREATE ROLE breakwater_reader NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RAISE NOTICE 'No role breakwater_reader: this user may not make roles.';
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'breakwater_reader') THEN
        EXECUTE format('GRANT breakwater_reader TO %I', current_user);
        GRANT USAGE ON SCHEMA public TO breakwater_reader;
        GRANT SELECT ON rag_chunk TO breakwater_reader;
        GRANT SELECT (id, tenant_id, collection_id, external_id, title, uri, metadata, access_tags)
            ON rag_document TO breakwater_reader;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'breakwater_reader is not used: this user may not be given it.';
END $$;

CREATE FUNCTION rag_may_read(whose uuid, tags varchar[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT whose = nullif(current_setting('breakwater.tenant', true), '')::uuid AND (
        cardinality(tags) = 0 OR CASE current_setting('breakwater.tags', true)
            WHEN '*' THEN true
            ELSE tags && nullif(current_setting('breakwater.tags', true), '')::varchar[]
        END
    );
$$;
ALTER TABLE rag_chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE rag_document ENABLE ROW LEVEL SECURITY;
-- The owner is not subject to them: what comes in, and administration, work as with any table.
CREATE POLICY chunk_of_reader ON rag_chunk FOR SELECT USING (rag_may_read(tenant_id, access_tags));
CREATE POLICY document_of_reader ON rag_document FOR SELECT USING (rag_may_read(tenant_id, access_tags));
"""
ROLE_UNDO = """
DROP POLICY document_of_reader ON rag_document;
DROP POLICY chunk_of_reader ON rag_chunk;
ALTER TABLE rag_document DISABLE ROW LEVEL SECURITY;
ALTER TABLE rag_chunk DISABLE ROW LEVEL SECURITY;
DROP FUNCTION rag_may_read(uuid, varchar[]);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'breakwater_reader') THEN
        REVOKE ALL ON rag_chunk, rag_document FROM breakwater_reader;
        REVOKE ALL (id, tenant_id, collection_id, external_id, title, uri, metadata, access_tags)
            ON rag_document FROM breakwater_reader;
        REVOKE USAGE ON SCHEMA public FROM breakwater_reader;
        DROP ROLE breakwater_reader;
    END IF;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege THEN RAISE NOTICE 'Others use breakwater_reader.';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("rag", "0001_initial")]

    operations = [
        migrations.RunSQL(STORAGE, STORAGE_UNDO),
        migrations.RunSQL(COUNTS, COUNTS_UNDO),
        migrations.RunSQL(ROLE, ROLE_UNDO),
    ]
