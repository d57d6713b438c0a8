"""Runs by the calendar."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0004_drift")]

    operations = []
