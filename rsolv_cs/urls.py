"""Where the pages are: our own inside the admin, before the admin's catch-all."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from rsolv_cs import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    # Before the admin's own, whose catch-all would take them.
    path("admin/", include("analytics.urls")),
    path("admin/", include("customers.urls")),
    path("admin/", admin.site.urls),
]
