"""Online evaluation."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0002_rows_of_one_tenant")]

    operations = []
