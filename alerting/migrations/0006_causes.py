"""Why an incident happened."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerting", "0005_actions")]

    operations = []
