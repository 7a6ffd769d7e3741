"""Playbooks in processes of their own: killed at many points and two at once, each step is done once."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.support.commands import SECONDS
from tests.support.processes import environment, manage

pytestmark = pytest.mark.django_db

SETUP = """
from datetime import timedelta
from customers.models import CustomerCare
from tests.support.playbooks import AT_RISK, MONDAY, email, make_playbook, own, score, task
names = [f"c{number}" for number in range(6)]
score(MONDAY - timedelta(days=1), **dict.fromkeys(names, AT_RISK))
owner = own("c0")
for name in names[1:]:
    CustomerCare.objects.create(customer_id=name, owner=owner)
make_playbook(task(0), email(0, automatic=True), task(0, "Write down what they said"))
make_playbook(email(0), name="Another")
"""
PLAY = """
from datetime import timedelta
from analytics.playbooks import play
from tests.support.playbooks import MONDAY
play.program_today = lambda: MONDAY
print(play.play().words)
"""
STORED = """
from analytics.models import Message, PlaybookRun, PlaybookStepRun, Task
steps = PlaybookStepRun.objects.order_by("run__customer", "run__playbook__name", "what")
print(PlaybookRun.objects.count(), sorted(PlaybookRun.objects.values_list("state", flat=True)).count("done"))
print(Task.objects.count(), Message.objects.count(), steps.count())
print(sorted({one.state for one in steps}), steps.filter(task=None, message=None).count())
"""
EXPECTED = ["12 6", "12 6 24", "['done', 'waiting'] 6"]
"""Six customers: two tasks and an email each, and an email of another playbook that waits for approval."""
POINTS = [
    ("analytics.playbooks.play:start_for", 1),
    ("analytics.playbooks.start:one_line", 4),
    ("analytics.playbooks.play:do_steps", 2),
    ("analytics.playbooks.steps:take_by_themselves", 1),
    ("analytics.playbooks.steps:Became", 3),
    ("analytics.playbooks.emails:next_office_hour", 2),
    ("analytics.playbooks.steps:Became", 9),
    ("analytics.playbooks.play:end_done", 1),
    ("customers.audit.trail:record", 1),
]


def stored(database: str) -> list[str]:
    said = manage(database, "shell", "-v", "0", "-c", STORED)
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


@pytest.mark.full_run
def test_killed_at_any_point_nothing_is_done_twice_and_nothing_is_lost(migrated_database: str) -> None:
    done = manage(migrated_database, "shell", "-c", SETUP)
    assert done.returncode == 0, done.stderr
    for place, number in POINTS:
        killed = subprocess.run(
            [sys.executable, "-m", "tests.support.signalled", "SIGKILL", place, str(number), "shell", "-c", PLAY],
            cwd=settings.BASE_DIR,
            env=environment(migrated_database),
            capture_output=True,
            timeout=SECONDS,
        )
        assert killed.returncode == -9, (place, killed.stderr)
    assert manage(migrated_database, "shell", "-c", PLAY).returncode == 0
    assert stored(migrated_database) == EXPECTED
    last = manage(migrated_database, "shell", "-v", "0", "-c", PLAY).stdout
    assert last == "0 started, 0 ended; 0 steps done, 0 wait for approval, 0 skipped, 0 held\n"
    assert stored(migrated_database) == EXPECTED


@pytest.mark.full_run
def test_two_at_once_without_the_lock_do_each_once(migrated_database: str) -> None:
    assert manage(migrated_database, "shell", "-c", SETUP).returncode == 0
    both = [
        subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-c", PLAY],
            cwd=settings.BASE_DIR,
            env=environment(migrated_database),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _one in range(2)
    ]
    for one in both:
        _out, err = one.communicate(timeout=SECONDS)
        assert one.returncode == 0, err
    assert manage(migrated_database, "shell", "-c", PLAY).returncode == 0
    assert stored(migrated_database) == EXPECTED
