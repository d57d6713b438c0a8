"""Members may be allowed to change golden sets and to run evaluations."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0020_manage_alerts'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='tenant',
            options={'ordering': ['slug'], 'permissions': [('change_settings', "change the tenant's settings"), ('manage_members', 'invite members, change their roles, remove them'), ('manage_teams', 'create, rename and delete teams'), ('manage_keys', 'create, rotate and revoke API keys'), ('manage_secrets', 'store and replace provider credentials'), ('manage_routes', "change the tenant's own routes and models"), ('manage_guardrails', 'change guardrail policies'), ('manage_evaluations', 'change golden sets and run evaluations'), ('manage_alerts', 'change alerts and objectives, look after incidents'), ('manage_limits', 'change rate limits'), ('manage_budgets', 'change budgets'), ('manage_prices', 'set prices that differ from the catalogue'), ('view_usage', 'see calls and tokens'), ('view_costs', 'see costs and statements'), ('view_runs', 'see single calls'), ('view_payloads', 'read stored prompts and answers'), ('view_audit', 'read the audit log'), ('export_audit', 'export the audit log'), ('erase_user_data', "erase one end user's data")]},
        ),
    ]
