"""Rules may look at how far prompts are from what they were, at searches, and at how far answers rest on them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerting', '0006_causes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alertrule',
            name='signal',
            field=models.CharField(blank=True, choices=[('error_rate', 'Error rate'), ('latency_p50', 'Latency, median'), ('latency_p95', 'Latency, p95'), ('latency_p99', 'Latency, p99'), ('latency_mean', 'Latency, mean'), ('first_token_p95', 'First token, p95'), ('requests', 'Calls a minute'), ('input_tokens', 'Input tokens a minute'), ('output_tokens', 'Output tokens a minute'), ('output_length', 'Output tokens a call'), ('cost', 'Cost a minute'), ('cost_per_call', 'Cost a call'), ('fallback_rate', 'Fallback rate'), ('retry_rate', 'Retries a call'), ('cache_hit_rate', 'Kept answers'), ('refusal_rate', 'Refusal rate'), ('guardrail_rate', 'Guardrail hits a call'), ('blocked_rate', 'Blocked by guardrails'), ('retrieval_empty', 'Searches without a passage'), ('retrieval_similarity', 'Similarity of the best passage'), ('retrieval_degraded', 'Searches with a part left out'), ('answer_risk', 'Risk that answers are not borne out'), ('unsupported_answers', 'Answers with an unsupported claim'), ('score', 'Score'), ('prompt_shift', 'Shift of prompts')], default='', max_length=32),
        ),
    ]
