"""Objectives over scores."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerting", "0003_anomalies")]

    operations = []
