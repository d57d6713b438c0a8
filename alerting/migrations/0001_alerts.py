"""Objectives, rules, alerts, incidents, silences, channels and deliveries."""

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
        ('tenants', '0021_manage_evaluations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        tenants.created_together.CreateTogether(
        migrations.CreateModel(
            name='SLO',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=64)),
                ('description', models.CharField(blank=True, default='', max_length=300)),
                ('kind', models.CharField(choices=[('availability', 'Availability'), ('latency', 'Latency'), ('cost', 'Cost a call')], default='availability', max_length=12)),
                ('segment_kind', models.CharField(choices=[('all', 'All calls'), ('route', 'A route'), ('model', 'A model'), ('key', 'An API key')], default='all', max_length=8)),
                ('segment', models.CharField(blank=True, default='', help_text='Name of the route or model, or id of the key.', max_length=200)),
                ('limit', models.FloatField(blank=True, help_text='Of latency: milliseconds that a good call takes at most. Of cost: nano-dollars a call.', null=True, validators=[django.core.validators.MinValueValidator(0)])),
                ('objective', models.FloatField(default=0.995, help_text='The share of good calls that is promised, such as 0.995.', validators=[django.core.validators.MinValueValidator(0.5), django.core.validators.MaxValueValidator(0.99999)])),
                ('window_days', models.PositiveSmallIntegerField(choices=[(7, '7 days'), (28, '28 days'), (30, '30 days')], default=28)),
                ('enabled', models.BooleanField(default=True)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='slos', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'SLO',
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='slo_name_of_owner', nulls_distinct=False, violation_error_message='There is an objective of this name already.'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'availability'), ('limit', None)), models.Q(models.Q(('kind', 'availability'), _negated=True), ('limit__isnull', False)), _connector='OR'), name='slo_limit_of_its_kind', violation_error_message='Latency and cost take a limit, availability has none.'), models.CheckConstraint(condition=models.Q(('objective__gte', 0.5), ('objective__lt', 1)), name='slo_objective_is_a_share')],
            },
        ),
        migrations.CreateModel(
            name='AlertRule',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=64)),
                ('description', models.CharField(blank=True, default='', help_text='What it means, and what to do: incidents show it.', max_length=300)),
                ('kind', models.CharField(choices=[('threshold', 'Threshold'), ('burn_rate', 'Burn rate of an objective'), ('absence', 'Absence of calls')], default='threshold', max_length=12)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8)),
                ('enabled', models.BooleanField(default=True)),
                ('signal', models.CharField(blank=True, choices=[('error_rate', 'Error rate'), ('latency_p50', 'Latency, median'), ('latency_p95', 'Latency, p95'), ('latency_p99', 'Latency, p99'), ('latency_mean', 'Latency, mean'), ('first_token_p95', 'First token, p95'), ('requests', 'Calls a minute'), ('input_tokens', 'Input tokens a minute'), ('output_tokens', 'Output tokens a minute'), ('output_length', 'Output tokens a call'), ('cost', 'Cost a minute'), ('cost_per_call', 'Cost a call'), ('fallback_rate', 'Fallback rate'), ('retry_rate', 'Retries a call'), ('cache_hit_rate', 'Kept answers'), ('refusal_rate', 'Refusal rate'), ('guardrail_rate', 'Guardrail hits a call'), ('blocked_rate', 'Blocked by guardrails')], default='', max_length=32)),
                ('segment_kind', models.CharField(choices=[('all', 'All calls'), ('route', 'A route'), ('model', 'A model'), ('key', 'An API key')], default='all', max_length=8)),
                ('segment', models.CharField(blank=True, default='', help_text='Name of the route or model, or id of the key.', max_length=200)),
                ('operator', models.CharField(choices=[('above', 'Above'), ('below', 'Below')], default='above', max_length=5)),
                ('threshold', models.FloatField(blank=True, help_text="In the signal's unit: shares of 1, ms, nano-dollars.", null=True)),
                ('clear_threshold', models.FloatField(blank=True, help_text='Well again on the other side of this. Empty: 10% before the threshold.', null=True)),
                ('window_minutes', models.PositiveSmallIntegerField(default=5, help_text="Each minute's value is that of so many minutes up to it.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('for_minutes', models.PositiveSmallIntegerField(default=2, help_text='Minutes that it lasts before it fires.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('clear_minutes', models.PositiveSmallIntegerField(default=5, help_text='Minutes that all is well before it is over.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('min_requests', models.PositiveIntegerField(default=20, help_text='Calls in the window below which nothing can be told.')),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_rules', to='tenants.tenant')),
                ('slo', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='alerting.slo', verbose_name='objective')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='alert_rule_name_of_owner', nulls_distinct=False, violation_error_message='There is a rule of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('slack', 'Slack'), ('pagerduty', 'PagerDuty'), ('webhook', 'Webhook')], max_length=10)),
                ('enabled', models.BooleanField(default=True)),
                ('from_severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', help_text='Incidents below it are not told here.', max_length=8)),
                ('on_escalation_only', models.BooleanField(default=False, help_text='Told only when an escalation comes to it, not of every incident.')),
                ('address', models.CharField(blank=True, default='', help_text='The e-mail address, or the URL of the program.', max_length=500)),
                ('shown', models.CharField(blank=True, default='', editable=False, help_text='What may be seen of it.', max_length=160)),
                ('secret', models.ForeignKey(blank=True, editable=False, help_text="Slack's webhook, PagerDuty's routing key, or what the webhook is signed with.", null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='alert_channels', to='tenants.storedsecret')),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_channels', to='tenants.tenant')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='alert_channel_name_of_owner', nulls_distinct=False, violation_error_message='There is a channel of this name already.'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'email'), ('secret', None)), models.Q(models.Q(('kind', 'email'), _negated=True), ('secret__isnull', False)), _connector='OR'), name='alert_channel_has_its_secret')],
            },
        ),
        migrations.CreateModel(
            name='CheckRun',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('owner', models.CharField(blank=True, default='', help_text='Empty: nobody is at it.', max_length=100)),
                ('taken_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('checked_until', models.DateTimeField(null=True)),
                ('rules', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('duration_ms', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='check_run_is_one')],
            },
        ),
        migrations.CreateModel(
            name='EscalationPolicy',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=64)),
                ('steps', models.JSONField(default=list, help_text='In order: minutes after which, and ids of the channels.')),
                ('from_severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='critical', max_length=8)),
                ('enabled', models.BooleanField(default=True)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='escalation_policies', to='tenants.tenant')),
            ],
            options={
                'verbose_name_plural': 'escalation policies',
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='escalation_name_of_owner', nulls_distinct=False, violation_error_message='There is an escalation of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], max_length=8)),
                ('state', models.CharField(choices=[('open', 'Open'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved')], default='open', max_length=12)),
                ('began_at', models.DateTimeField(help_text='The first bad minute.')),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now, help_text='When it was noticed.')),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_by', models.CharField(blank=True, default='', max_length=200)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('resolved_by', models.CharField(blank=True, default='', help_text='Empty: it was over by itself.', max_length=200)),
                ('silenced', models.BooleanField(default=False, help_text='Nobody was told.')),
                ('opened_times', models.PositiveSmallIntegerField(default=1, help_text='Grows when it begins again.')),
                ('escalated_step', models.PositiveSmallIntegerField(default=0, help_text='Steps of the escalation that were taken.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('owner', models.ForeignKey(blank=True, help_text='Who looks after it.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-began_at', '-id'),
                'indexes': [models.Index(fields=['tenant', 'state', '-began_at'], name='incident_by_state')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('what', models.CharField(help_text='opened, acknowledged, resolved or escalated, with a number where it comes again; test.', max_length=40)),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Delivered'), ('failed', 'Not delivered')], default='waiting', max_length=8)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('status', models.PositiveSmallIntegerField(help_text='Of the answer over HTTP.', null=True)),
                ('error', models.CharField(blank=True, default='', max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(null=True)),
                ('channel', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerting.channel')),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_deliveries', to='tenants.tenant')),
                ('incident', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerting.incident')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(condition=models.Q(('outcome', 'waiting')), fields=['next_try_at'], name='delivery_due')],
                'constraints': [models.UniqueConstraint(fields=('channel', 'incident', 'what'), name='delivery_once')],
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text="The rule's, as it was called.", max_length=64)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], max_length=8)),
                ('segment', models.CharField(default='all calls', max_length=220)),
                ('signal', models.CharField(blank=True, default='', max_length=32)),
                ('summary', models.CharField(max_length=300)),
                ('value', models.FloatField(help_text='With which it fired.', null=True)),
                ('worst', models.FloatField(null=True)),
                ('threshold', models.FloatField(null=True)),
                ('began_at', models.DateTimeField(help_text='The first bad minute.')),
                ('fired_at', models.DateTimeField(help_text='The minute of the data with which it fired.')),
                ('noticed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='tenants.tenant')),
                ('rule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='alerts', to='alerting.alertrule')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='alerting.incident')),
            ],
            options={
                'ordering': ('-began_at', '-id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('resolved_at', None), ('rule__isnull', False)), fields=('rule',), name='alert_of_rule_once')],
            },
        ),
        migrations.CreateModel(
            name='IncidentEntry',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('opened', 'Opened'), ('reopened', 'Began again'), ('alert_fired', 'Alert fired'), ('alert_resolved', 'Alert over'), ('acknowledged', 'Acknowledged'), ('assigned', 'Owner'), ('severity', 'Severity'), ('note', 'Note'), ('escalated', 'Escalated'), ('silenced', 'Silenced'), ('resolved', 'Resolved')], max_length=16)),
                ('actor', models.CharField(blank=True, default='', help_text='Empty: Breakwater itself.', max_length=200)),
                ('text', models.TextField(blank=True, default='', max_length=10000)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='alerting.incident')),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='incident_entries', to='tenants.tenant')),
            ],
            options={
                'verbose_name_plural': 'incident entries',
                'ordering': ('at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Silence',
            fields=[
                ('id', models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('reason', models.CharField(max_length=300)),
                ('severity', models.CharField(blank=True, choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='', help_text='Only alerts of this severity or less. Empty: all.', max_length=8)),
                ('rules', models.JSONField(blank=True, default=list, help_text='Ids of the rules. Empty: all.')),
                ('segment', models.CharField(blank=True, default='', help_text='Only alerts of this route, model or key.', max_length=200)),
                ('starts_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField()),
                ('created_by', models.CharField(blank=True, default='', editable=False, max_length=200)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='silences', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-ends_at', '-id'),
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='silence_ends_after_it_starts', violation_error_message='It has to end after it begins.')],
            },
        ),
        migrations.CreateModel(
            name='RuleState',
            fields=[
                ('rule', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='state', serialize=False, to='alerting.alertrule')),
                ('phase', models.CharField(default='ok', max_length=8)),
                ('since', models.DateTimeField(null=True)),
                ('fired_at', models.DateTimeField(null=True)),
                ('clear_since', models.DateTimeField(null=True)),
                ('seen_at', models.DateTimeField(null=True)),
                ('checked_until', models.DateTimeField(help_text='Data up to here were looked at.', null=True)),
                ('done_until', models.DateTimeField(help_text='Data up to here are not looked at again, however late.', null=True)),
                ('value', models.FloatField(null=True)),
                ('error', models.CharField(blank=True, default='', max_length=200)),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the platform's, over all tenants together.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
        ),
        )
    ]
