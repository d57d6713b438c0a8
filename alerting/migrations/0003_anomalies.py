"""Anomaly rules."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

DO = """
ALTER TABLE alerting_anomalymemory ADD CONSTRAINT anomalymemory_rule_id_same_tenant FOREIGN KEY (tenant_id, rule_id)
    REFERENCES alerting_alertrule (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
UNDO = "ALTER TABLE alerting_anomalymemory DROP CONSTRAINT anomalymemory_rule_id_same_tenant;"


class Migration(migrations.Migration):
    dependencies = [("alerting", "0002_rows_of_one_tenant")]

    operations = [
        migrations.AddField(
            model_name="alertrule",
            name="sensitivity",
            field=models.CharField(
                choices=[
                    ("low", "Low: what hardly ever was"),
                    ("medium", "Medium"),
                    ("high", "High: more is found, some of it in vain"),
                ],
                default="medium",
                help_text="Of anomalies.",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="tolerance",
            field=models.FloatField(
                blank=True,
                help_text="Of anomalies: a deviation that nobody minds, in points of a share or score, else as a "
                "share of what is usual. Empty: what suits the signal.",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("threshold", "Threshold"),
                    ("burn_rate", "Burn rate of an objective"),
                    ("absence", "Absence of calls"),
                    ("anomaly", "Anomaly"),
                ],
                default="threshold",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="operator",
            field=models.CharField(
                choices=[("above", "Above"), ("below", "Below"), ("both", "Above or below")],
                default="above",
                max_length=5,
            ),
        ),
        migrations.CreateModel(
            name="AnomalyMemory",
            fields=[
                (
                    "rule",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="memory",
                        serialize=False,
                        to="alerting.alertrule",
                    ),
                ),
                (
                    "of",
                    models.CharField(help_text="What it was learned of: another signal is learned anew.", max_length=64),
                ),
                ("learned_until", models.DateTimeField(help_text="Data up to here are learned.")),
                ("state", models.BinaryField(help_text="20 kB at most.")),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the platform's, over all tenants together.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(DO, UNDO),
    ]
