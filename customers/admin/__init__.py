"""The admin's pages of this app, each registered by its module."""

from customers.admin import audit, feeds, ledger  # noqa: F401 - they register
