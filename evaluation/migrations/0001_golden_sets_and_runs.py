"""Golden sets, evaluators, runs with their results and scores, gates and labels."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenants.created_together
import tenants.rows
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('guardrails', '0004_judges_in_dry_runs'),
        ('tenants', '0021_manage_evaluations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        tenants.created_together.CreateTogether(
        migrations.CreateModel(
            name='GoldenSet',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, default='', max_length=300)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='golden_sets', to='tenants.tenant')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='golden_set_of_tenant', violation_error_message='There is a golden set of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='Gate',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=100)),
                ('evaluator', models.CharField(help_text='Name of the evaluator whose score is held.', max_length=100)),
                ('max_drop', models.FloatField(default=0.02, help_text='Of the mean score, 0 to 1: 0.02 are two points.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)])),
                ('confidence', models.FloatField(default=0.95, help_text='0.5 to 0.999.', validators=[django.core.validators.MinValueValidator(0.5), django.core.validators.MaxValueValidator(0.999)])),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gates', to='tenants.tenant')),
                ('golden_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gates', to='evaluation.goldenset')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='gate_of_tenant', violation_error_message='There is a gate of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='GoldenUpload',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('file_name', models.CharField(max_length=200)),
                ('items', models.JSONField(default=list)),
                ('errors', models.JSONField(default=list, help_text='Pairs of line and sentence.')),
                ('uploaded_by', models.CharField(max_length=200)),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('golden_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to='evaluation.goldenset')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='golden_uploads', to='tenants.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='GoldenVersion',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='From 1, without gaps.')),
                ('items', models.PositiveIntegerField(default=0, help_text='How many it has.')),
                ('author', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('frozen_at', models.DateTimeField(help_text='When the first run used it; from then on nothing changes.', null=True)),
                ('golden_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='evaluation.goldenset')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='golden_versions', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-number',),
                'constraints': [models.UniqueConstraint(fields=('golden_set', 'number'), name='version_of_golden_set')],
            },
        ),
        migrations.CreateModel(
            name='GoldenItem',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=64)),
                ('position', models.PositiveIntegerField()),
                ('input', models.JSONField(help_text='A text, or the messages of a chat.')),
                ('expected', models.TextField(blank=True, default='')),
                ('context', models.JSONField(default=list, help_text='Passages that the answer is to rest on.')),
                ('rubric', models.TextField(blank=True, default='', help_text='What a judge goes by.')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('split', models.CharField(blank=True, default='', max_length=32)),
                ('source', models.CharField(blank=True, default='', help_text="upload, api, console, or a call's id.", max_length=100)),
                ('digest', models.CharField(help_text='SHA-256 of its content, without key and source.', max_length=64)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='golden_items', to='tenants.tenant')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='evaluation.goldenversion')),
            ],
            options={
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('version', 'key'), name='golden_item_of_version')],
            },
        ),
        migrations.CreateModel(
            name='EvalRun',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('requested_by', models.CharField(max_length=200)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('error', models.CharField(default='', max_length=200)),
                ('ended_at', models.DateTimeField(null=True)),
                ('name', models.CharField(max_length=100)),
                ('split', models.CharField(blank=True, default='', help_text='Only items of it; empty: all.', max_length=32)),
                ('evaluators', models.JSONField(default=list, help_text='Name, kind and options of each, as they were.')),
                ('concurrency', models.PositiveSmallIntegerField(default=4, help_text='Items at once.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(32)])),
                ('max_output_tokens', models.PositiveIntegerField(default=1024)),
                ('budget_nanousd', models.BigIntegerField(blank=True, help_text='For answers; empty: no bound of its own.', null=True)),
                ('judge_budget_nanousd', models.BigIntegerField(blank=True, help_text='For judges.', null=True)),
                ('total', models.PositiveIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0, help_text='Answers that were refused or failed.')),
                ('spent_nanousd', models.BigIntegerField(default=0)),
                ('judge_spent_nanousd', models.BigIntegerField(default=0)),
                ('started_at', models.DateTimeField(null=True)),
                ('stop_requested', models.BooleanField(default=False)),
                ('worker', models.CharField(blank=True, default='', help_text='Who works on it now.', max_length=32)),
                ('heartbeat_at', models.DateTimeField(help_text='When that worker last said so.', null=True)),
                ('summary', models.JSONField(default=dict, help_text='Means by variant, and comparisons, once it has ended.')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_runs', to='tenants.tenant')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='evaluation.goldenversion')),
            ],
            options={
                'ordering': ('-requested_at', '-id'),
                'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['heartbeat_at'], name='eval_runs_under_way')],
            },
        ),
        migrations.CreateModel(
            name='RunItem',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('leased', 'leased'), ('done', 'done')], default='waiting', max_length=8)),
                ('lease', models.CharField(blank=True, default='', max_length=32)),
                ('leased_until', models.DateTimeField(null=True)),
                ('needs_label', models.BooleanField(default=False, help_text='Whether people are asked what they think of it.')),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evaluation.goldenitem')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='run_items', to='evaluation.evalrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_run_items', to='tenants.tenant')),
            ],
            options={
                'ordering': ('position',),
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['run', 'position'], name='eval_items_to_do'), models.Index(condition=models.Q(('needs_label', True)), fields=['tenant', 'run'], name='eval_items_to_label')],
                'constraints': [models.UniqueConstraint(fields=('run', 'item'), name='run_item_once')],
            },
        ),
        migrations.CreateModel(
            name='Variant',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField(help_text='The first is what the others are compared with.')),
                ('name', models.CharField(max_length=100)),
                ('model', models.CharField(help_text='As callers write it: a route or a model.', max_length=200)),
                ('system_prompt', models.TextField(blank=True, default='')),
                ('template', models.TextField(blank=True, default='', help_text='Around the last message: {{input}}, {{context}}.')),
                ('policy_version', models.PositiveIntegerField(blank=True, null=True)),
                ('policy', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='guardrails.policy')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='variants', to='evaluation.evalrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_variants', to='tenants.tenant')),
            ],
            options={
                'ordering': ('position',),
                'constraints': [models.UniqueConstraint(fields=('run', 'position'), name='variant_place_in_run'), models.UniqueConstraint(fields=('run', 'name'), name='variant_name_in_run')],
            },
        ),
        migrations.CreateModel(
            name='ItemResult',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('answer', models.TextField(blank=True, default='')),
                ('error', models.CharField(blank=True, default='', help_text='Why there is no answer.', max_length=300)),
                ('correlation_id', models.CharField(blank=True, default='', max_length=64)),
                ('model', models.CharField(blank=True, default='', help_text='That answered.', max_length=200)),
                ('cost_nanousd', models.BigIntegerField(null=True)),
                ('latency_ms', models.FloatField(null=True)),
                ('input_tokens', models.PositiveIntegerField(default=0)),
                ('output_tokens', models.PositiveIntegerField(default=0)),
                ('answered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='evaluation.evalrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_results', to='tenants.tenant')),
                ('run_item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='evaluation.runitem')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='evaluation.variant')),
            ],
            options={
                'indexes': [models.Index(fields=['run', 'variant'], name='results_of_variant')],
                'constraints': [models.UniqueConstraint(fields=('run_item', 'variant'), name='one_result_of_variant')],
            },
        ),
        migrations.CreateModel(
            name='JudgeAnswer',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('evaluator', models.CharField(max_length=100)),
                ('slot', models.CharField(help_text='Which of its questions.', max_length=32)),
                ('text', models.TextField()),
                ('cost_nanousd', models.BigIntegerField(null=True)),
                ('correlation_id', models.CharField(max_length=64)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='judge_answers', to='evaluation.itemresult')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_judge_answers', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('result', 'evaluator', 'slot'), name='one_answer_of_judge')],
            },
        ),
        migrations.CreateModel(
            name='Label',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('verdict', models.CharField(choices=[('good', 'good'), ('fair', 'fair'), ('bad', 'bad')], max_length=4)),
                ('comment', models.CharField(blank=True, default='', max_length=300)),
                ('labelled_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='evaluation.itemresult')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_labels', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_labels', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('result', 'reviewer'), name='one_label_of_reviewer')],
            },
        ),
        migrations.CreateModel(
            name='Score',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('evaluator', models.CharField(max_length=100)),
                ('value', models.FloatField(help_text='0 to 1.', null=True)),
                ('label', models.CharField(blank=True, default='', max_length=64)),
                ('why', models.CharField(blank=True, default='', max_length=500)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='evaluation.itemresult')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eval_scores', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('result', 'evaluator'), name='one_score_of_evaluator')],
            },
        ),
        migrations.CreateModel(
            name='Evaluator',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=64)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evaluators', to='tenants.tenant')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='evaluator_of_tenant', violation_error_message='There is an evaluator of this name already.')],
            },
        ),
        )
    ]
