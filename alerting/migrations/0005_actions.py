"""What an alert does by itself."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerting", "0004_quality_objectives")]

    operations = []
