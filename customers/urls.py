"""Our pages about imports, inside the admin."""

from django.urls import path

from customers import fix_views, undo_views

app_name = "customers"
urlpatterns = [
    path("customers/importrun/<int:pk>/undo/", undo_views.undo_run, name="undo_run"),
    path("customers/quarantinedrow/<int:pk>/fix/", fix_views.fix_row, name="fix_row"),
]
