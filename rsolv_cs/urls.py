"""Where the pages are: our own inside the admin, before the admin's catch-all."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from analytics.preferences import views as preference_views
from rsolv_cs.login import own_sessions_views, second_factor_views
from rsolv_cs.palette import views as palette_views
from rsolv_cs.people import views as people_views
from rsolv_cs.sso import views as sso_views
from rsolv_cs.web import errors, health

handler400 = errors.bad_request
handler403 = errors.refused
handler404 = errors.not_found
handler500 = errors.failed

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="start")),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("", include("rsolv_cs.api.urls")),
    # Before the admin's own, whose catch-all would take them.
    path("admin/logout/", sso_views.log_out, name="log-out"),
    path("admin/sso/", sso_views.begin_sso, name="sso"),
    path("admin/sso/callback/", sso_views.come_back, name="sso-callback"),
    path("admin/second-factor/", second_factor_views.manage, name="second-factor"),
    path("admin/second-factor/verify/", second_factor_views.verify, name="verify-second-factor"),
    path("admin/sessions/", own_sessions_views.sessions, name="sessions"),
    path("admin/preferences/", preference_views.preferences, name="preferences"),
    path("admin/preferences/close-tour/", preference_views.close_tour, name="close-tour"),
    path("admin/start/", preference_views.start, name="start"),
    path("admin/join/", people_views.join, name="join"),
    path("admin/new-password/", people_views.new_password, name="new-password"),
    path("admin/forgotten-password/", people_views.forgotten_password, name="forgotten-password"),
    path("admin/search/", palette_views.search, name="search"),
    path("admin/shortcuts/", palette_views.shortcuts, name="shortcuts"),
    path("admin/", include("analytics.urls")),
    path("admin/", include("customers.urls")),
    path("admin/", admin.site.urls),
]
