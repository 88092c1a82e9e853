from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_connector_pages")]
    operations = [
        migrations.AlterModelOptions(name="discoveredfields", options={"verbose_name_plural": "discovered fields"}),
        migrations.AddField(
            model_name="connector",
            name="keep_bodies",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Off: what is sent and what comes back is not stored, only address, status and duration.",
                verbose_name="keep bodies of API calls",
            ),
        ),
    ]
