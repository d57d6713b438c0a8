"""What hangs on a row belongs to the same tenant."""

from django.db import migrations

OWNED = ("collection", "embeddingindex", "ingest", "document", "chunk")
SAME = (
    ("embeddingindex", "collection_id", "collection"),
    ("ingest", "collection_id", "collection"),
    ("document", "collection_id", "collection"),
    ("document", "ingest_id", "ingest"),
    ("ingestproblem", "ingest_id", "ingest"),
    ("chunk", "collection_id", "collection"),
    ("chunk", "document_id", "document"),
    ("chunkvector", "index_id", "embeddingindex"),
    ("chunkvector", "chunk_id", "chunk"),
    ("chunkvector", "document_id", "document"),
    ("lexeme", "collection_id", "collection"),
)
DO = "".join(
    f"ALTER TABLE rag_{name} ADD CONSTRAINT {name}_tenant_id_unique UNIQUE (tenant_id, id);\n" for name in OWNED
) + "".join(
    f"ALTER TABLE rag_{name} ADD CONSTRAINT {name}_{other}_same_tenant FOREIGN KEY (tenant_id, {column})"
    f" REFERENCES rag_{other} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;\n"
    for name, column, other in SAME
)
UNDO = "".join(
    f"ALTER TABLE rag_{name} DROP CONSTRAINT {name}_{other}_same_tenant;\n" for name, _, other in SAME
) + "".join(f"ALTER TABLE rag_{name} DROP CONSTRAINT {name}_tenant_id_unique;\n" for name in OWNED)


class Migration(migrations.Migration):
    dependencies = [("rag", "0002_search")]

    operations = [migrations.RunSQL(DO, UNDO)]
