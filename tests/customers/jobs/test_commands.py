"""How each command ends where the lock is held, or the database fails."""

from datetime import date

import pytest
from django.db import OperationalError

from analytics.management.commands import score
from customers.jobs.lock import LockHeld, LockLost
from tests.support.commands import run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OperationalError("gone\nLINE 1"), 1, "The database cannot be used: gone"),
        (LockHeld("score"), 75, "Another scoring or an import is running; nothing was done."),
        (
            LockLost("score"),
            1,
            "the connection that held the lock of score has ended, and another process has the lock now; "
            "nothing of this transaction is stored: run the job again when the other one has ended",
        ),
    ],
)
def test_a_command_ends_alike_whatever_it_does(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, said: str
) -> None:
    def fail(_days: list[date]) -> None:
        raise error

    monkeypatch.setattr(score, "scoring", fail)
    done = run("score")
    assert (done.code, done.out, done.err.strip()) == (code, "", said)
