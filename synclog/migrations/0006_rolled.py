from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("synclog", "0005_workers")]
    operations = [
        migrations.AddField(
            model_name="rollup",
            name="rolled",
            field=models.BooleanField(db_default=False, help_text="A row of the next coarser span holds it as well."),
        ),
        migrations.AddIndex(
            model_name="rollup",
            index=models.Index(
                condition=models.Q(("rolled", False), ("span__gt", 0)), fields=["span", "at"], name="rollup_unrolled"
            ),
        ),
    ]
