"""Our pages inside the admin."""

from django.urls import path

from analytics import assign_views, customer_views, effect_views, task_views, views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("customer/<str:pk>/", customer_views.customer, name="customer"),
    path("export/", views.export, name="export"),
    path("assign/", assign_views.assign, name="assign"),
    path("tasks/", task_views.task_page_list, name="tasks"),
    path("tasks/new/", task_views.new_task, name="new-task"),
    path("tasks/<int:pk>/", task_views.task, name="task"),
    path("effects/", effect_views.effects, name="effects"),
]
