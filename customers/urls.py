"""Our pages about imports, inside the admin."""

from django.urls import path

from customers.erasure import views as erase_views
from customers.inbox import views as inbox_views
from customers.quarantine import views as fix_views
from customers.runs import undo_views
from customers.same_customer import views as same_views
from customers.uploads import views

app_name = "customers"
urlpatterns = [
    path("customers/importrun/upload/", views.upload_file, name="upload-file"),
    path("customers/importrun/upload/<int:pk>/", views.show_upload, name="upload"),
    path("customers/importrun/upload/<int:pk>/preview/", views.preview_upload, name="preview-upload"),
    path("customers/importrun/upload/<int:pk>/confirm/", views.confirm_upload, name="confirm-upload"),
    path("customers/importrun/upload/<int:pk>/cancel/", views.cancel_upload, name="cancel-upload"),
    path("customers/importrun/<int:pk>/undo/", undo_views.undo_run, name="undo-run"),
    path("customers/customer/<str:pk>/erase/", erase_views.erase_customer, name="erase-customer"),
    path("customers/quarantinedrow/<int:pk>/fix/", fix_views.fix_row, name="fix-row"),
    path("customers/quarantinedrow/<int:pk>/event/", inbox_views.fix_event, name="fix-event"),
    path("customers/keychange/<int:pk>/decide/", same_views.same_customer, name="same-customer"),
]
