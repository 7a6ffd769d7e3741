"""The addresses of the API; resources are found by their names below ``/api/v1/``, without a slash at the end."""

from django.urls import include, path
from django.views.generic import RedirectView

from rsolv_cs.api import pages
from rsolv_cs.api.resources import (
    alerts,
    batches,
    cohorts,
    customer,
    customers,
    feed_rows,
    notes,
    playbooks,
    portfolio,
    reports,
    runs,
    snapshots,
    tasks,
    track,
)
from rsolv_cs.monitoring.views import MetricsView

app_name = "api"

resources = [
    path("customers", customers.CustomersView.as_view(), name="customers"),
    path("customers/<str:pk>", customer.CustomerView.as_view(), name="customer"),
    path("customers/<str:pk>/timeline", customer.TimelineView.as_view(), name="timeline"),
    path("customers/<str:pk>/history", snapshots.HistoryView.as_view(), name="history"),
    path("snapshots", snapshots.SnapshotsView.as_view(), name="snapshots"),
    path("portfolio", portfolio.PortfolioView.as_view(), name="portfolio"),
    path("portfolio/days", portfolio.PortfolioDaysView.as_view(), name="portfolio-days"),
    path("cohorts", cohorts.CohortsView.as_view(), name="cohorts"),
    path("milestones", snapshots.MilestonesView.as_view(), name="milestones"),
    path("alerts", alerts.AlertsView.as_view(), name="alerts"),
    path("tasks", tasks.TasksView.as_view(), name="tasks"),
    path("tasks/<int:pk>", tasks.TaskView.as_view(), name="task"),
    path("tasks/<int:pk>/close", tasks.ClosedTaskView.as_view(), name="close-task"),
    path("tasks/<int:pk>/reopen", tasks.ReopenedTaskView.as_view(), name="reopen-task"),
    path("notes", notes.NotesView.as_view(), name="notes"),
    path("playbooks", playbooks.PlaybooksView.as_view(), name="playbooks"),
    path("playbooks/<int:pk>/runs", playbooks.PlaybookRunsView.as_view(), name="playbook-runs"),
    path("runs", runs.RunsView.as_view(), name="runs"),
    path("runs/<int:pk>", runs.RunView.as_view(), name="run"),
    path("runs/<int:pk>/quarantined", runs.QuarantinedView.as_view(), name="quarantined"),
    path("reports", reports.ReportsView.as_view(), name="reports"),
    path("reports/<int:pk>/rows", reports.ReportRowsView.as_view(), name="report-rows"),
    path("batches/<uuid:key>", batches.BatchView.as_view(), name="batch"),
    path("feeds/<str:feed>/rows", feed_rows.RowsView.as_view(), name="feed-rows"),
]

urlpatterns = [
    path("api/v1/", include(resources)),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("metrics/track", track.TrackView.as_view(), name="track"),
    path("api/schema/", pages.SchemaView.as_view(), name="schema"),
    path("api/docs/", pages.docs, name="docs"),
    path("api/", RedirectView.as_view(pattern_name="api:docs"), name="start"),
    # Last, for what nothing above takes.
    path("api/<path:rest>", pages.NoSuchAddress.as_view(), name="nothing"),
    path("metrics/<path:rest>", pages.NoSuchAddress.as_view(), name="no-metrics"),
]
