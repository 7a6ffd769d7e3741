"""The addresses of the API; resources are found by their names below ``/api/v1/``, without a slash at the end."""

from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from rsolv_cs.api import pages
from rsolv_cs.api.resources.batches import BatchView
from rsolv_cs.api.resources.runs import RunViewSet
from rsolv_cs.api.resources.track import TrackView

app_name = "api"

resources = SimpleRouter(trailing_slash=False, use_regex_path=False)
resources.register("runs", RunViewSet, "runs")

urlpatterns = [
    path("api/v1/", include(resources.urls)),
    path("api/v1/batches/<uuid:key>", BatchView.as_view(), name="batch"),
    path("metrics/track", TrackView.as_view(), name="track"),
    path("api/schema/", pages.SchemaView.as_view(), name="schema"),
    path("api/docs/", pages.docs, name="docs"),
    path("api/", RedirectView.as_view(pattern_name="api:docs"), name="start"),
    # Last, for what nothing above takes.
    path("api/<path:rest>", pages.NoSuchAddress.as_view(), name="nothing"),
    path("metrics/<path:rest>", pages.NoSuchAddress.as_view(), name="no-metrics"),
]
