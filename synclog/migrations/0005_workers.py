from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("synclog", "0004_retention")]
    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("name", models.CharField(help_text="Kind, host and process id.", max_length=300, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("worker", "Worker"), ("beat", "Beat")], max_length=10)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField(verbose_name="process id")),
                ("version", models.CharField(help_text="Version of the broker that it runs.", max_length=50)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(db_default=Now(), verbose_name="last sign of life")),
                ("concurrency", models.PositiveIntegerField(db_default=0, default=0, help_text="Processes that it runs tasks in.")),
                ("busy", models.PositiveIntegerField(db_default=0, default=0, help_text="How many of them ran a task just then.")),
            ],
        ),
    ]
