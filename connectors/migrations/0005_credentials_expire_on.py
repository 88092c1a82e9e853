from django.db import migrations, models

HELP = (
    "Their last day, when the password, key or client secret runs out. You are told 14 days before, or as the alert "
    "rule says. Empty: not known."
)


class Migration(migrations.Migration):
    dependencies = [("connectors", "0004_bodies")]
    operations = [
        migrations.AddField(
            model_name=name,
            name="credentials_expire_on",
            field=models.DateField(blank=True, help_text=HELP, null=True, verbose_name="credentials valid until"),
        )
        for name in ("company", "connector")
    ]
