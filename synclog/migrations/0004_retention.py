"""Indexes for the filters of the list, the right to export, the audit, the rules of retention."""

import django.contrib.admin.models
import django.core.validators
from django.db import migrations, models
from django.db.models import Q

NOTABLE = ("duplicate", "waiting", "retrying", "dead", "refused", "note")
DEFAULT_DAYS = {"bodies": 14, "payloads": 30, "logs": 90, "events": 90}


def make_rules(apps, schema_editor):
    rule = apps.get_model("synclog", "Retention")
    rule.objects.bulk_create(
        [rule(kind=kind, keep_days=days) for kind, days in DEFAULT_DAYS.items()], ignore_conflicts=True
    )


def _index(name, *fields, condition=None):
    return migrations.AddIndex(
        model_name="synclog", index=models.Index(fields=list(fields), condition=condition, name=name)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("synclog", "0003_alerts"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit",
                "ordering": [],
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("admin.logentry",),
            managers=[("objects", django.contrib.admin.models.LogEntryManager())],
        ),
        migrations.CreateModel(
            name="Retention",
            fields=[
                ("kind", models.CharField(choices=[("bodies", "API bodies"), ("payloads", "Event payloads"), ("logs", "Integration logs"), ("events", "Events and deliveries")], editable=False, max_length=10, primary_key=True, serialize=False)),
                ("keep_days", models.PositiveSmallIntegerField(blank=True, help_text="Older ones are removed, a few at a time. What is open or a dead letter stays until that is settled. Empty: kept for ever.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name="kept for days")),
                ("cursor", models.JSONField(default=dict, editable=False)),
                ("left", models.JSONField(default=list, editable=False)),
                ("next_at", models.DateTimeField(editable=False, help_text="Null: as soon as possible.", null=True)),
                ("run_at", models.DateTimeField(editable=False, null=True, verbose_name="last run")),
                ("removed", models.BigIntegerField(db_default=0, default=0, editable=False, verbose_name="removed so far")),
            ],
            options={"verbose_name": "retention rule"},
        ),
        migrations.RunPython(make_rules, migrations.RunPython.noop),
        migrations.AlterModelOptions(
            name="synclog",
            options={
                "permissions": [("export_synclog", "Can export integration logs")],
                "verbose_name": "integration log",
            },
        ),
        migrations.RemoveIndex(model_name="synclog", name="synclog_by_work_order"),
        migrations.RemoveIndex(model_name="synclog", name="synclog_by_external"),
        migrations.RemoveIndex(model_name="synclog", name="synclog_by_time"),
        migrations.RemoveIndex(model_name="synclog", name="synclog_by_connector"),
        _index("synclog_time", "created_at"),
        _index("synclog_connector", "connector", "created_at"),
        _index("synclog_code", "code", "created_at"),
        _index("synclog_event_type", "event_type", "created_at"),
        _index("synclog_inbound", "created_at", condition=Q(direction="inbound")),
        _index("synclog_notable", "outcome", "created_at", condition=Q(outcome__in=NOTABLE)),
        _index("synclog_notable_of", "connector", "outcome", "created_at", condition=Q(outcome__in=NOTABLE)),
        _index("synclog_work_order", "work_order_id", "created_at", condition=Q(work_order_id__isnull=False)),
        _index("synclog_external", "external_id", "created_at", condition=Q(external_id__gt="")),
        _index(
            "synclog_correlation",
            "correlation_id",
            "created_at",
            condition=Q(correlation_id__gt="") & ~Q(correlation_id__startswith="FN-"),
        ),
    ]
