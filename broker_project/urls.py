from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from broker_project import health, metrics
from events import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("events/", api.EventsView.as_view(), name="events"),
    path("events/<uuid:id>/", api.EventView.as_view(), name="event"),
    path("webhooks/fieldnation/<uuid:key>/", api.WebhookView.as_view(), name="fieldnation-webhook"),
    path("integrations/trigger/<str:token>", api.TriggerView.as_view(), name="trigger"),
    path("integrations/trigger/<str:token>/", api.TriggerView.as_view()),
    path("v1/broker/inbound", api.TriggerView.as_view(), name="trigger-compatible"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
]
