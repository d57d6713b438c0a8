"""Anomaly rules."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerting", "0002_rows_of_one_tenant")]

    operations = []
