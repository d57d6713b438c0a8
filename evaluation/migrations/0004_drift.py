"""Drift monitors."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0003_live_evaluation")]

    operations = []
