"""Our pages inside the admin."""

from django.urls import path

from analytics import alert_views, customer_views, views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("customer/<str:pk>/", customer_views.customer, name="customer"),
    path("alerts/", alert_views.alerts, name="alerts"),
    path("alerts/act/", alert_views.act, name="act_on_alerts"),
    path("export/", views.export, name="export"),
]
