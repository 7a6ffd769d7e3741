"""The app that holds what the CSVs say."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy


class CustomersConfig(AppConfig):
    """Customers and their feeds."""

    name = "customers"
    verbose_name = gettext_lazy("Customers")

    def ready(self) -> None:
        """Hear what goes into the audit, and of each new connection."""
        from customers.audit import signals
        from customers.core import people
        from customers.text import fold

        signals.register()
        people.listen()
        connection_created.connect(fold.add_function, dispatch_uid="fold.add_function")
