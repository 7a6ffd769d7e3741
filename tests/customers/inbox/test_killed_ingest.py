"""An ingest that is killed anywhere loses no event and counts none twice; the next one completes it.

Each test has a database of its own, which real processes use too.
"""

import signal
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.conf import settings as project

from analytics.models import Snapshot
from analytics.scoring.snapshots import score_day
from customers.models import Engagement, Event, ImportRun, InboxEvent, QuarantinedRow
from tests.factories import make_customer, make_engagement, make_onboarding
from tests.support.commands import run
from tests.support.databases import create_database, drop_database, name_in
from tests.support.inbox import event, reported
from tests.support.own_databases import COMMIT, SECONDS, database, signalled, wait_until_alone
from tests.support.processes import manage

DAY = "2026-11-20"
AT = f"{DAY}T10:00:00+00:00"
SCORED = date(2026, 11, 18)
INGEST = "customers.inbox.ingest"
POINTS: list[tuple[str, int]] = [
    ("analytics.management.commands.ingest:ingest", 1),
    (f"{INGEST}:collect", 1),
    (f"{INGEST}:create_stage", 1),
    (f"{INGEST}:copy_rows", 1),
    (f"{INGEST}:merge", 1),
    ("customers.imports.merge:execute", 1),
    (f"{INGEST}:_Ingest._judge", 1),
    (f"{INGEST}:_Ingest._count", 1),
    (f"{INGEST}:_Ingest._note", 1),
    (f"{INGEST}:_Ingest._quarantined", 1),
    ("customers.imports.load:save_after", 1),
    ("customers.imports.load:FeedRun._finish", 1),
    (COMMIT, 1),
    (COMMIT, 2),
    ("customers.imports.load:run_loaded.send", 1),
    (f"{INGEST}:create_stage", 2),
    (f"{INGEST}:merge", 2),
    (f"{INGEST}:_Ingest._note", 2),
    ("customers.imports.load:FeedRun._finish", 2),
    ("analytics.management.commands.ingest:score_changed_by_api", 1),
    ("analytics.scoring.unscored:score_customers", 1),
    ("analytics.scoring.snapshots:mark_so_far", 1),
    ("analytics.scoring.snapshots:day_totals", 1),
    ("analytics.management.commands.ingest:evaluate_customers", 1),
]


def state() -> dict[str, Any]:
    """All that an ingest says, whichever run of it did."""
    counters = Engagement.objects.filter(provisional=True).order_by("pk")
    return {
        "engagement": list(counters.values_list("pk", "issues_tagged", "prs_generated", "prs_merged")),
        "steps": list(Event.objects.order_by("pk").values_list("pk", "date")),
        "events": list(InboxEvent.objects.order_by("pk").values_list("pk", "state")),
        "quarantine": list(QuarantinedRow.objects.values_list("key", "status")),
        "snapshots": list(
            Snapshot.objects.order_by("customer").values_list("customer", "score", "issues_tagged", "provisional_to")
        ),
    }


@pytest.fixture(scope="module")
def inbox(unblocked: None, django_db_setup: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A database with events that wait, and what it has after an ingest that nothing disturbs."""
    folder = tmp_path_factory.mktemp("inbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "ARCHIVE_DIR", folder / "archive")
        name = name_in(folder)
        create_database(name, django_db_setup)
        with database(name):
            for key in ("c1", "c2"):
                customer = make_customer(id=key)
                make_onboarding(customer)
            make_engagement(customer, SCORED, issues_tagged=1)
            score_day(SCORED)
            reported(
                *(event("c1", metadata={"pr_url": "https://x"}, occurred_at=AT) for _number in range(3)),
                event("c2", "pr_merged", occurred_at=AT),
                event("c1", "onboarding_step_account_created", occurred_at=AT),
                event("c9", occurred_at=AT),
            )
        (folder / "copy").mkdir()
        copy = name_in(folder / "copy")
        create_database(copy, name)
        with database(copy):
            assert run("ingest").code == 0
            after = state()
        drop_database(copy)
    assert after["engagement"] == [(f"~{DAY}~c1", 3, 3, 0), (f"~{DAY}~c2", 0, 0, 1)]
    yield {"name": name, "after": after}
    drop_database(name)


@pytest.mark.parametrize(("function", "nth"), POINTS)
def test_the_next_ingest_completes_one_that_was_killed(
    inbox: dict[str, Any], own: Callable[[str], str], function: str, nth: int
) -> None:
    url = own(inbox["name"])
    process = signalled(url, "SIGKILL", function, nth, "ingest")
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL, function
    wait_until_alone()
    done = manage(url, "ingest")
    assert done.returncode == 0, done.stderr
    assert state() == inbox["after"]
    assert not ImportRun.objects.filter(status="running").exists()
