"""``send_scheduled`` in processes of its own: killed between sending an email and recording it, and run again."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.support.commands import SECONDS
from tests.support.mails import mail_server
from tests.support.processes import environment, manage

pytestmark = pytest.mark.django_db

SCHEDULE = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from analytics.models import Message
from analytics.outreach.sending import claim_draft, draft_email
from customers.models import Customer
author = User.objects.get(username="success")
for number, key in enumerate(["c1001", "c1002"]):
    draft = draft_email(Customer.objects.get(pk=key), author, f"Mail {number}", "Hello")
    claim_draft(draft, f"key{number}", confirmed=True, send_at=timezone.now() + timedelta(days=1))
Message.objects.filter(state="scheduled").update(send_at=timezone.now() - timedelta(minutes=1))
"""
STATES = """
from analytics.models import Message
print(*Message.objects.exclude(send_at=None).order_by("pk").values_list("subject", "state"))
"""


@pytest.mark.full_run
def test_a_kill_between_sending_and_recording_repeats_no_email_and_loses_none(migrated_database: str) -> None:
    assert manage(migrated_database, "demo").returncode == 0
    assert manage(migrated_database, "shell", "-c", SCHEDULE).returncode == 0
    with mail_server() as post:
        variables = {"EMAIL_URL": post.url}
        command = [sys.executable, "-m", "tests.support.signalled", "SIGKILL", "analytics.mail.outbox:record", "1"]
        done = subprocess.run(
            [*command, "send_scheduled"],
            cwd=settings.BASE_DIR,
            env=environment(migrated_database, **variables),
            capture_output=True,
            timeout=SECONDS,
        )
        assert done.returncode == -9
        assert [mail["Subject"] for mail in post.take()] == ["Mail 0"]
        # Whether it has left nobody can know: it stays, and the other one goes.
        again = manage(migrated_database, "send_scheduled", **variables)
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout == "Scheduled emails: 1 sent, 0 not sent, 0 left to the next run.\n"
        assert [mail["Subject"] for mail in post.take()] == ["Mail 1"]
        assert manage(migrated_database, "send_scheduled", **variables).returncode == 0
        assert post.take() == []
    assert (
        manage(migrated_database, "shell", "-c", STATES).stdout.splitlines()[-1]
        == "('Mail 0', 'sending') ('Mail 1', 'sent')"
    )
