"""The app that holds what the CSVs say."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers and their feeds."""

    name = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Hear what goes into the audit."""
        from customers import audit_signals

        audit_signals.register()
