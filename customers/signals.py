"""What ``customers`` tells those above it, without knowing them."""

from django.dispatch import Signal

data_changed = Signal()
"""Sent after a feed's run was committed and changed rows; argument: ``run`` (an ``ImportRun``)."""
