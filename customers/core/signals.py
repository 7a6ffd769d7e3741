"""What ``customers`` tells those above it, without knowing them."""

from django.dispatch import Signal

run_loaded = Signal()
"""Sent after a feed's run was committed as loaded, whether or not it changed rows; argument: ``run``."""

run_ended = Signal()
"""Sent in the transaction that stores the end of any run, however it ended; argument: ``run``. A listener that raises
makes that transaction fail. It comes in a dry run too, whose transaction is rolled back.
"""

command_done = Signal()
"""Sent after a command has done what it is for; argument: ``name``, such as ``"score"``."""

customer_erased = Signal()
"""Sent in the transaction of an erasure, before the customer's row goes; a listener that raises stops it. What refers
to the customer by a foreign key goes by itself.

Arguments: ``customer_id``, ``organization`` ('' where there was no such row) and ``words``, a pattern of the id, the
organisation and the address as they stand in what an import says, to find texts that mention them. A
listener may return how much it removed, as ``{"what": number}``. It comes in the dry run of the page that asks for
leave, too, whose transaction is rolled back; and once more where a backup brought the customer back.
"""

files_erased = Signal()
"""Sent when files are redacted after an erasure, whose rows are gone by then; argument: ``ids``, a container of
erased ids. A listener redacts the files that it keeps, and returns how many; where it raises ``OSError``, the next
``expire`` sends it again.
"""

customers_joined = Signal()
"""Sent in the transaction that joins a customer to its new key; argument: ``pair`` (a ``KeyChange``). A listener that
raises makes it fail. It comes in a dry run too.

A listener moves what it keeps from ``pair.former`` to ``pair.customer``, and returns ``{"rows": {"what": [keys]},
"stays": [words]}``: the keys are kept, as JSON, in ``pair.carried["rows"]``.
"""

customers_parted = Signal()
"""Sent while that is undone, within the transaction; argument: ``pair``, with what it carried. A listener moves back
what nobody has changed since, and returns a list of words about what it could not.
"""

run_undone = Signal()
"""Sent when a run was undone; arguments: ``run``, and ``undo``, the run that undid it (both ``ImportRun``).

It comes within the undo's transaction, so that a listener can remove what it keeps about customers that are gone
(``undo.changes`` names them); a listener that raises makes the undo fail, and nothing is changed. It
comes in an undo's dry run too, whose transaction is rolled back.
"""
