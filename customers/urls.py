"""Our pages about imports, inside the admin."""

from django.urls import path

from customers import undo_views

app_name = "customers"
urlpatterns = [
    path("customers/importrun/<int:pk>/undo/", undo_views.undo_run, name="undo_run"),
]
