import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0005_credentials_expire_on")]
    operations = [
        migrations.AddField(
            model_name="connector",
            name="trigger_rate_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How many calls each web process takes in a minute; more are answered 429, and the sender is "
                "told when to come again. Empty: no limit.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="calls of the trigger URL a minute",
            ),
        ),
    ]
