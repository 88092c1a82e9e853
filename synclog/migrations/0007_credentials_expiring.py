from django.db import migrations, models

KINDS = [
    ("failed_operation", "Failed operation"),
    ("dead_letter", "Dead letter"),
    ("auth_failure", "Authentication failure"),
    ("credentials_expiring", "Credentials about to expire"),
    ("error_rate", "High error rate"),
    ("queue_age", "Old queue"),
    ("no_events", "No events"),
    ("lane_blocked", "Blocked lane"),
    ("breaker_open", "System does not answer"),
    ("loop_suspected", "Loop suspected"),
    ("worker_missing", "Worker missing"),
    ("webhook_inactive", "Webhook not active"),
]


class Migration(migrations.Migration):
    dependencies = [("synclog", "0006_rolled")]
    operations = [
        migrations.AlterField(
            model_name="alert", name="kind", field=models.CharField(choices=KINDS, max_length=20)
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20, verbose_name="watches for"),
        ),
    ]
