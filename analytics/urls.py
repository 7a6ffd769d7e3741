"""Our pages inside the admin."""

from django.urls import path

from analytics import contact_views, customer_views, views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("customer/<str:pk>/", customer_views.customer, name="customer"),
    path("customer/<str:pk>/contact/", contact_views.compose, name="contact"),
    path("messages/<int:pk>/", contact_views.message, name="message"),
    path("export/", views.export, name="export"),
]
