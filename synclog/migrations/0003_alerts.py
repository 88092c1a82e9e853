import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import broker_project.lib.sealed


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_connector_pages"), ("synclog", "0002_rollups")]

    operations = [
        migrations.CreateModel(
            name="WebhookCheck",
            fields=[
                (
                    "company",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="webhook_check",
                        serialize=False,
                        to="connectors.company",
                    ),
                ),
                ("checked_at", models.DateTimeField()),
                ("is_active", models.BooleanField(help_text="Null: Field Nation could not be asked.", null=True)),
                ("sentence", models.CharField(max_length=500)),
                ("webhooks", models.JSONField(default=list, help_text="Id and status of each that leads here.")),
            ],
            options={
                "verbose_name": "webhook check",
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "cause",
                    models.CharField(
                        editable=False, help_text="Kind, connector or company, and error class.", max_length=150
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("failed_operation", "Failed operation"),
                            ("dead_letter", "Dead letter"),
                            ("auth_failure", "Authentication failure"),
                            ("error_rate", "High error rate"),
                            ("queue_age", "Old queue"),
                            ("no_events", "No events"),
                            ("lane_blocked", "Blocked lane"),
                            ("breaker_open", "System does not answer"),
                            ("loop_suspected", "Loop suspected"),
                            ("worker_missing", "Worker missing"),
                            ("webhook_inactive", "Webhook not active"),
                        ],
                        max_length=20,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=60, verbose_name="error class")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("acknowledged", "Acknowledged"), ("recovered", "Recovered")],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("sentence", models.CharField(max_length=1000, verbose_name="what is wrong")),
                ("advice", models.CharField(max_length=1000, verbose_name="what to do")),
                ("count", models.PositiveIntegerField(default=1)),
                ("is_capped", models.BooleanField(default=False, help_text="There are more than were counted.")),
                ("example", models.CharField(blank=True, max_length=1000)),
                ("example_delivery", models.UUIDField(null=True)),
                ("since", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen")),
                ("recovered_at", models.DateTimeField(null=True, verbose_name="recovered")),
                ("acknowledged_at", models.DateTimeField(null=True, verbose_name="acknowledged")),
                ("acknowledged_by", models.CharField(blank=True, max_length=150)),
                ("mark", models.BigIntegerField(default=0, help_text="Grows with every new failure.")),
                ("told_at", models.DateTimeField(null=True, verbose_name="last message")),
                ("told_mark", models.BigIntegerField(default=0)),
                (
                    "is_told",
                    models.BooleanField(
                        default=False, help_text="People were told that it is open, and not yet of its end."
                    ),
                ),
                ("timeline", models.JSONField(default=list)),
                (
                    "connector",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="connectors.connector",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="As people here call it.", max_length=100, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("webhook", "Signed webhook"),
                            ("slack", "Slack-compatible webhook"),
                        ],
                        max_length=10,
                    ),
                ),
                ("is_on", models.BooleanField(default=True, help_text="Off: it gets no messages.", verbose_name="on")),
                (
                    "addresses",
                    models.TextField(
                        blank=True,
                        help_text="Who gets every alert of this channel: one e-mail address a line.",
                        verbose_name="e-mail addresses",
                    ),
                ),
                (
                    "to_connector_addresses",
                    models.BooleanField(
                        default=True,
                        help_text="An alert about a connector also goes to the addresses on the connector's page.",
                        verbose_name="also to the connector's notification addresses",
                    ),
                ),
                (
                    "url",
                    broker_project.lib.sealed.SealedField(
                        blank=True, default="", help_text="Encrypted; never shown again."
                    ),
                ),
                ("host", models.CharField(blank=True, editable=False, max_length=255, verbose_name="sends to")),
                (
                    "secret",
                    broker_project.lib.sealed.SealedField(
                        blank=True, default="", help_text="Signs the messages. Encrypted; never shown again."
                    ),
                ),
                ("failing_since", models.DateTimeField(editable=False, null=True)),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, editable=False, verbose_name="failed tries in a row"),
                ),
                ("failure", models.CharField(blank=True, editable=False, max_length=500, verbose_name="last failure")),
                ("next_attempt_at", models.DateTimeField(editable=False, null=True, verbose_name="next try")),
                (
                    "busy_until",
                    models.DateTimeField(editable=False, help_text="A worker sends; the end of its lease.", null=True),
                ),
                ("last_sent_at", models.DateTimeField(editable=False, null=True, verbose_name="last message sent")),
                (
                    "connector",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only alerts of this connector. Empty: all alerts.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_channels",
                        to="connectors.connector",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert channel",
            },
        ),
        migrations.CreateModel(
            name="AlertMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "about",
                    models.CharField(
                        choices=[
                            ("opened", "Opened"),
                            ("reminder", "Goes on"),
                            ("recovered", "Recovered"),
                            ("several", "Several at once"),
                            ("test", "Test"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "webhook_id",
                    models.UUIDField(default=uuid.uuid4, editable=False, help_text="The same at every try."),
                ),
                ("subject", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("payload", models.JSONField(default=dict)),
                ("recipients", models.JSONField(default=list, help_text="E-mail addresses.")),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Not sent yet"), ("sent", "Sent"), ("failed", "Given up")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=500, verbose_name="last failure")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(null=True)),
                ("alerts", models.ManyToManyField(related_name="messages", to="synclog.alert")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="synclog.alertchannel",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert message",
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("failed_operation", "Failed operation"),
                            ("dead_letter", "Dead letter"),
                            ("auth_failure", "Authentication failure"),
                            ("error_rate", "High error rate"),
                            ("queue_age", "Old queue"),
                            ("no_events", "No events"),
                            ("lane_blocked", "Blocked lane"),
                            ("breaker_open", "System does not answer"),
                            ("loop_suspected", "Loop suspected"),
                            ("worker_missing", "Worker missing"),
                            ("webhook_inactive", "Webhook not active"),
                        ],
                        max_length=20,
                        verbose_name="watches for",
                    ),
                ),
                (
                    "is_on",
                    models.BooleanField(
                        default=True, help_text="Off: nobody is told, and open alerts of it end.", verbose_name="on"
                    ),
                ),
                ("limit", models.FloatField(blank=True, null=True)),
                ("minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("minimum", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "quiet_minutes",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="After a message about a cause, the next one about the same cause follows no sooner.",
                        verbose_name="quiet period in minutes",
                    ),
                ),
                (
                    "connector",
                    models.ForeignKey(
                        blank=True,
                        help_text="For this connector, instead of the installation's rule.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_rules",
                        to="connectors.connector",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert rule",
            },
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["cause", "-told_at"], name="alert_by_cause"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["recovered_at"], name="alert_by_end"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("recovered_at__isnull", True)), fields=("cause",), name="alert_open_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("recovered_at__isnull", False), ("state", "recovered")),
                    models.Q(("recovered_at__isnull", True), ("state__in", ["open", "acknowledged"])),
                    _connector="OR",
                ),
                name="alert_recovered_at",
            ),
        ),
        migrations.AddIndex(
            model_name="alertmessage",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["channel", "id"], name="alert_message_pending"
            ),
        ),
        migrations.AddIndex(
            model_name="alertmessage",
            index=models.Index(fields=["channel", "-id"], name="alert_message_by_channel"),
        ),
        migrations.AddIndex(
            model_name="alertmessage",
            index=models.Index(fields=["created_at"], name="alert_message_by_time"),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.UniqueConstraint(
                fields=("kind", "connector"), name="alert_rule_once", nulls_distinct=False
            ),
        ),
    ]
