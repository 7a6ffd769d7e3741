"""What a scoring and a forecast tell those above them, without knowing them."""

from django.dispatch import Signal

health_stored = Signal()
"""Sent in the transaction that stores scores or forecasts of a date; arguments: ``day``, and ``customers``: a query
of their keys, or None for everybody's. A listener that raises makes the transaction fail.
"""
