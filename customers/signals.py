"""What ``customers`` tells those above it, without knowing them."""

from django.dispatch import Signal

data_changed = Signal()
"""Sent after a feed's run was committed and changed rows; argument: ``run`` (an ``ImportRun``)."""

run_undone = Signal()
"""Sent when a run was undone; arguments: ``run``, and ``undo``, the run that undid it (both ``ImportRun``).

It comes within the undo's transaction, so that a listener can remove what it keeps about customers that are gone
(``undo.changes`` names them); a listener that raises makes the undo fail, and nothing is changed. It
comes in an undo's dry run too, whose transaction is rolled back.
"""
