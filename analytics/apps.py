"""The app that turns what the CSVs say into scores, and shows them."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Scores, snapshots and the pages that read them."""

    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        """Hear what ``customers`` tells."""
        from analytics.erased import forget_customer
        from analytics.undone import forget_run
        from customers.signals import customer_erased, run_undone

        run_undone.connect(forget_run, dispatch_uid="analytics.forget_run")
        customer_erased.connect(forget_customer, dispatch_uid="analytics.forget_customer")
