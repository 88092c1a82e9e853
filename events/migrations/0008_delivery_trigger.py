import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0007_filter_help")]
    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="trigger",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="events.eventtrigger",
            ),
        ),
    ]
