from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = "Connections"

    def ready(self) -> None:
        autodiscover_modules("state_admin", "discovery_admin")  # beside connectors.admin, found by its name
