import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("synclog", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='QueueSample',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('connector_id', models.BigIntegerField(null=True)),
                ('direction', models.CharField(blank=True, max_length=10)),
                ('queued', models.IntegerField(help_text='Pending, in flight or to be retried.')),
                ('waiting', models.IntegerField(help_text='For a person.')),
                ('oldest_at', models.DateTimeField(help_text='When the oldest of the queued ones was made.', null=True)),
            ],
            options={
                'verbose_name': 'sample of the queue',
                'verbose_name_plural': 'samples of the queue',
                'constraints': [models.UniqueConstraint(fields=('at', 'connector_id', 'direction'), name='queue_sample_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Rollup',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('span', models.PositiveIntegerField(help_text='Seconds; 0 for one batch.')),
                ('connector_id', models.BigIntegerField(help_text='Empty: an event as it was received.', null=True)),
                ('company_id', models.BigIntegerField(null=True)),
                ('direction', models.CharField(max_length=10)),
                ('kind', models.CharField(choices=[('deliveries', 'Deliveries'), ('calls', 'API calls'), ('errors', 'Failed attempts')], max_length=12)),
                ('name', models.CharField(blank=True, max_length=40)),
                ('received', models.BigIntegerField(db_default=0, help_text='Events that came in, repeats left out.')),
                ('routed', models.BigIntegerField(db_default=0, help_text='Events that this connector got a delivery for.')),
                ('duplicates', models.BigIntegerField(db_default=0)),
                ('succeeded', models.BigIntegerField(db_default=0)),
                ('skipped', models.BigIntegerField(db_default=0)),
                ('waiting', models.BigIntegerField(db_default=0)),
                ('retrying', models.BigIntegerField(db_default=0)),
                ('dead', models.BigIntegerField(db_default=0)),
                ('count', models.BigIntegerField(db_default=0)),
                ('failed', models.BigIntegerField(db_default=0)),
                ('total_ms', models.FloatField(db_default=0.0)),
                ('histogram', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], help_text='Counts by the bounds of histogram.py.', size=None)),
            ],
            options={
                'verbose_name': 'figures of a span',
                'verbose_name_plural': 'figures of spans',
                'indexes': [models.Index(fields=['span', 'at'], name='rollup_by_time')],
            },
        ),
    ]
