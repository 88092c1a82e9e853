from django.db import migrations, models

DOORS = [("webhook", "Field Nation webhook"), ("api", "POST /events/"), ("trigger", "Trigger URL")]


class Migration(migrations.Migration):
    dependencies = [("synclog", "0007_credentials_expiring")]
    operations = [
        migrations.CreateModel(
            name="RefusedCalls",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("door", models.CharField(choices=DOORS, max_length=10)),
                (
                    "company_id",
                    models.BigIntegerField(
                        help_text="Empty: the call named none that is known.", null=True, verbose_name="company"
                    ),
                ),
                (
                    "connector_id",
                    models.BigIntegerField(help_text="Of a trigger URL.", null=True, verbose_name="connector"),
                ),
                ("minute", models.DateTimeField()),
                ("count", models.BigIntegerField(verbose_name="calls")),
                ("last_at", models.DateTimeField(verbose_name="last")),
                ("status", models.PositiveSmallIntegerField(verbose_name="answer")),
                ("reason", models.CharField(max_length=300, verbose_name="why")),
                (
                    "network",
                    models.CharField(help_text="The last caller's network.", max_length=50, verbose_name="from"),
                ),
            ],
            options={"verbose_name": "refused calls of a minute", "verbose_name_plural": "refused calls"},
        ),
        migrations.AddConstraint(
            model_name="refusedcalls",
            constraint=models.UniqueConstraint(
                fields=("minute", "door", "company_id", "connector_id"), name="refused_once", nulls_distinct=False
            ),
        ),
    ]
