from django.apps import AppConfig


class SyncLogConfig(AppConfig):
    name = "synclog"
    verbose_name = "Integration Logs"
