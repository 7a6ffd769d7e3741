"""The app that turns what the CSVs say into scores, and shows them."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Scores, snapshots and the pages that read them."""

    name = "analytics"
    verbose_name = "Analytics"
