"""Collections, documents, chunks and what they are searched by."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
import pgvector.django.sparsevec
import tenants.created_together
import tenants.rows
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('controlplane', '0001_vector_extension'),
        ('tenants', '0022_documents'),
    ]

    operations = [
        tenants.created_together.CreateTogether(
        migrations.CreateModel(
            name='Collection',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(help_text='As callers write it: retrieval.collections.', max_length=64, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9_-]{0,63}\\Z', 'Lower-case letters, digits, - and _; it begins with a letter or a digit.')])),
                ('description', models.CharField(blank=True, default='', max_length=400)),
                ('language', models.CharField(choices=[('auto', 'Found out for each document'), ('simple', 'Any: words as they are written'), ('arabic', 'Arabic'), ('danish', 'Danish'), ('dutch', 'Dutch'), ('english', 'English'), ('finnish', 'Finnish'), ('french', 'French'), ('german', 'German'), ('greek', 'Greek'), ('hungarian', 'Hungarian'), ('italian', 'Italian'), ('norwegian', 'Norwegian'), ('portuguese', 'Portuguese'), ('romanian', 'Romanian'), ('russian', 'Russian'), ('spanish', 'Spanish'), ('swedish', 'Swedish'), ('turkish', 'Turkish')], default='auto', max_length=12)),
                ('access_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9][A-Za-z0-9:._-]{0,63}\\Z', 'A tag has letters, digits and : . _ -, at most 64.')]), blank=True, default=list, help_text='Of documents that bring none. Empty: every key of the tenant finds them.', size=None)),
                ('chunk_tokens', models.PositiveSmallIntegerField(default=200, help_text='At most, of one chunk.', validators=[django.core.validators.MinValueValidator(32), django.core.validators.MaxValueValidator(2000)])),
                ('chunk_overlap', models.PositiveSmallIntegerField(default=30, help_text='Tokens that a chunk has of the one before it.', validators=[django.core.validators.MaxValueValidator(500)])),
                ('embedding_model', models.CharField(default='static', help_text="`static`, `minilm`, or `route:NAME` for a provider's.", max_length=128)),
                ('method', models.CharField(choices=[('hybrid', 'hybrid'), ('keyword', 'keyword'), ('vector', 'vector')], default='hybrid', max_length=8)),
                ('top_k', models.PositiveSmallIntegerField(default=8, help_text='Passages that are given.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)])),
                ('diversity', models.FloatField(default=0.0, help_text='How much passages that say the same keep each other out (MMR); 0: not at all.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('reranker', models.CharField(choices=[('none', 'None'), ('local', 'On the processor'), ('model', 'A model, through the gateway')], default='none', max_length=8)),
                ('rerank_route', models.CharField(blank=True, default='', max_length=128)),
                ('rewrite_route', models.CharField(blank=True, default='', help_text='Whose model puts questions into other words. Empty: none.', max_length=128)),
                ('timeout_ms', models.PositiveIntegerField(default=2000, help_text='For finding passages.', validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(30000)])),
                ('context_tokens', models.PositiveIntegerField(default=3000, help_text='At most, of passages in a prompt.', validators=[django.core.validators.MinValueValidator(100)])),
                ('screening', models.CharField(choices=[('drop', 'Leave it out'), ('flag', 'Keep it, fenced, and tell')], default='drop', max_length=8)),
                ('when_unsupported', models.CharField(choices=[('say_so', 'Say that the documents do not answer it'), ('answer', 'Let the model answer all the same')], default='say_so', max_length=8)),
                ('unsupported_text', models.CharField(blank=True, default='I could not find an answer to that in the documents.', max_length=400)),
                ('fail_open', models.BooleanField(default=False, help_text='Whether a call is answered without passages where none can be looked for.')),
                ('enabled', models.BooleanField(default=True)),
                ('documents_at', models.DateTimeField(editable=False, help_text='When what can be found was last changed: kept answers go by it.', null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='collections', to='tenants.tenant')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='collection_name_of_tenant', violation_error_message='There is a collection of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.CharField(help_text="The owner's own name for it: an address, a path, an id.", max_length=512)),
                ('title', models.CharField(blank=True, default='', max_length=400)),
                ('uri', models.CharField(blank=True, default='', help_text='Where a reader can open it.', max_length=2000)),
                ('media_type', models.CharField(default='text/plain', max_length=127)),
                ('language', models.CharField(blank=True, default='', help_text='As it is searched by.', max_length=12)),
                ('metadata', models.JSONField(blank=True, default=dict, help_text='A flat object: texts, numbers, true or false.')),
                ('access_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9][A-Za-z0-9:._-]{0,63}\\Z', 'A tag has letters, digits and : . _ -, at most 64.')]), blank=True, default=list, size=None)),
                ('own_tags', models.BooleanField(default=False, help_text="Whether it brought its tags; else they are its collection's.")),
                ('content_hash', models.CharField(blank=True, default='', help_text='SHA-256 of what came in.', max_length=64)),
                ('settings_hash', models.CharField(blank=True, default='', help_text='Of how it was cut.', max_length=64)),
                ('text', models.TextField(blank=True, default='', help_text='Offsets of chunks count its characters.')),
                ('marks', models.JSONField(blank=True, default=list, help_text='Headings and pages, by where they begin in the text.')),
                ('pending', models.BinaryField(help_text='What came in, until it is read.', null=True)),
                ('pending_hash', models.CharField(blank=True, default='', max_length=64)),
                ('to_fetch', models.BooleanField(default=False, help_text='Whether it is to be fetched from its address.')),
                ('etag', models.CharField(blank=True, default='', help_text='As its address named the version.', max_length=400)),
                ('last_modified', models.CharField(blank=True, default='', max_length=64)),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='How often a worker began with what came in.')),
                ('bytes', models.PositiveIntegerField(default=0)),
                ('characters', models.PositiveIntegerField(default=0)),
                ('chunk_count', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('reading', 'Being read'), ('ready', 'Searchable'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('error', models.CharField(blank=True, default='', max_length=400)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('indexed_at', models.DateTimeField(null=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='documents', to='rag.collection')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='documents', to='tenants.tenant')),
            ],
            options={
                'ordering': ('collection', 'external_id'),
                'indexes': [models.Index(fields=['collection', 'state', '-updated_at'], name='document_by_state')],
                'constraints': [models.UniqueConstraint(fields=('collection', 'external_id'), name='document_of_collection_once')],
            },
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField(help_text='In its document, from 0.')),
                ('start', models.PositiveIntegerField(help_text='Its first character in `Document.text`.')),
                ('end', models.PositiveIntegerField(help_text='The one after its last.')),
                ('heading', models.CharField(blank=True, default='', help_text='The headings that it stands under.', max_length=400)),
                ('page', models.PositiveIntegerField(help_text='Of a PDF, from 1.', null=True)),
                ('text', models.TextField()),
                ('text_hash', models.CharField(help_text='Of text and headings: the same text keeps its vectors.', max_length=64)),
                ('tokens', models.PositiveSmallIntegerField()),
                ('words', models.PositiveSmallIntegerField(help_text='Lexemes with repetitions.')),
                ('access_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('metadata', models.JSONField(default=dict)),
                ('lexemes', django.contrib.postgres.search.SearchVectorField(null=True)),
                ('weights', pgvector.django.sparsevec.SparseVectorField(dimensions=1000000000, help_text="BM25's part of each lexeme but for how rare it is.", null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='rag.collection')),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='rag.document')),
            ],
            options={
                'ordering': ('document', 'position'),
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['lexemes'], name='chunk_lexemes'), models.Index(fields=['collection', 'document'], name='chunk_of_collection')],
                'constraints': [models.UniqueConstraint(deferrable=django.db.models.constraints.Deferrable['DEFERRED'], fields=('document', 'position'), name='chunk_position_once')],
            },
        ),
        migrations.CreateModel(
            name='EmbeddingIndex',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('model', models.CharField(help_text='As `Collection.embedding_model`.', max_length=128)),
                ('model_version', models.CharField(blank=True, default='', help_text='As the model names itself.', max_length=128)),
                ('dimensions', models.PositiveSmallIntegerField(help_text='Known with the first vector.', null=True)),
                ('state', models.CharField(choices=[('building', 'Being made'), ('live', 'In use'), ('retired', 'Replaced')], default='building', max_length=8)),
                ('error', models.CharField(blank=True, default='', help_text='Why it cannot be searched or made.', max_length=400)),
                ('searched_by', models.CharField(default='exact', help_text='`exact`, or `hnsw` once it is large enough for an index of its own.', max_length=8)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('live_at', models.DateTimeField(null=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='indexes', to='rag.collection')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='embedding_indexes', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-created_at',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('collection',), name='embedding_index_live_once'), models.UniqueConstraint(condition=models.Q(('state', 'building')), fields=('collection',), name='embedding_index_building_once')],
            },
        ),
        migrations.CreateModel(
            name='ChunkVector',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('access_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('metadata', models.JSONField(default=dict)),
                ('vector', pgvector.django.halfvec.HalfVectorField()),
                ('chunk', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='vectors', to='rag.chunk')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='rag.document')),
                ('index', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='vectors', to='rag.embeddingindex')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('index', 'chunk'), name='chunk_vector_once')],
            },
        ),
        migrations.CreateModel(
            name='Ingest',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(help_text='`upload`, `urls`, `api`, `settings`.', max_length=16)),
                ('requested_by', models.CharField(max_length=200)),
                ('delete_missing', models.BooleanField(default=False, help_text='Whether documents go whose address is gone (404 or 410).')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Under way'), ('done', 'Done'), ('stopped', 'Stopped')], default='waiting', max_length=8)),
                ('total', models.PositiveIntegerField(default=0, help_text='Documents.')),
                ('done', models.PositiveIntegerField(default=0, help_text='Read and indexed, or as they were.')),
                ('unchanged', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('chunks', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ingests', to='rag.collection')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ingests', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['collection', '-created_at'], name='ingest_of_collection')],
            },
        ),
        migrations.CreateModel(
            name='IngestProblem',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('document', models.CharField(max_length=512)),
                ('code', models.CharField(max_length=40)),
                ('message', models.CharField(max_length=400)),
                ('ingest', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='problems', to='rag.ingest')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ingest_problems', to='tenants.tenant')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='Lexeme',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('lexeme', models.CharField(max_length=2048)),
                ('chunks', models.IntegerField(default=0)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='rag.collection')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('collection', 'lexeme'), name='lexeme_of_collection_once'), models.CheckConstraint(condition=models.Q(('chunks__gte', 0)), name='lexeme_counts_chunks')],
            },
        ),
        ),
        migrations.AddField(
            model_name='document',
            name='ingest',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='documents', to='rag.ingest'),
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(fields=['ingest', 'state'], name='document_of_ingest'),
        ),
    ]
