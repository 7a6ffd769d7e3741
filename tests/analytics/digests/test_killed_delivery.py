"""``send_alerts`` in processes of its own: killed between sending a mail and recording it, and run again."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from customers.clock import program_today
from tests.support.commands import SECONDS
from tests.support.mails import mail_server
from tests.support.processes import environment, manage

pytestmark = pytest.mark.django_db


def killed(url: str, nth: int, **variables: str) -> int:
    """How a run ends that is killed as it begins to record its ``nth`` message."""
    command = [
        sys.executable,
        "-m",
        "tests.support.signalled",
        "SIGKILL",
        "analytics.mail.outbox:record",
        str(nth),
        "send_alerts",
    ]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment(url, **variables), capture_output=True, timeout=SECONDS
    )
    return done.returncode


@pytest.mark.full_run
def test_a_kill_between_sending_and_recording_repeats_one_mail_and_loses_none(
    migrated_database: str, tmp_path: Path
) -> None:
    """The demo has three messages: the manager's digest and week, and the success manager's digest."""
    assert manage(migrated_database, "demo").returncode == 0
    with mail_server() as post:
        variables = {"EMAIL_URL": post.url}
        assert killed(migrated_database, 2, **variables) == -9
        first = [(mail["To"], mail["Message-ID"]) for mail in post.take()]
        assert [to for to, _name in first] == ["manager@rsolv.example"] * 2
        # The one that was recorded is not sent again; the other one is, as the same message.
        done = manage(migrated_database, "send_alerts", **variables)
        assert (done.returncode, done.stderr) == (0, "")
        yesterday = program_today() - timedelta(days=1)
        assert (
            done.stdout.splitlines()[-1]
            == f"Alerts as of {yesterday:%-d %b %Y}: 0 raised, 0 worse, 0 closed; 2 sent, 0 failed."
        )
        second = [(mail["To"], mail["Message-ID"]) for mail in post.take()]
        assert second[0] == first[1]
        assert [to for to, _name in second] == ["manager@rsolv.example", "success@rsolv.example"]
        assert manage(migrated_database, "send_alerts", **variables).returncode == 0
        assert post.take() == []
