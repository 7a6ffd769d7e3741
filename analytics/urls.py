"""Our pages inside the admin."""

from django.urls import path

from analytics import cohort_views, customer_views, views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("cohorts/", cohort_views.cohorts, name="cohorts"),
    path("customer/<str:pk>/", customer_views.customer, name="customer"),
    path("export/", views.export, name="export"),
]
