"""The ``score`` command: which dates it scores, what it refuses, and how it ends."""

import threading
from collections.abc import Iterator
from datetime import date
from io import StringIO
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connection

from analytics.models import PortfolioDay, Snapshot
from analytics.scoring import snapshots
from customers.jobs.lock import job_lock
from tests.factories import make_customer, make_engagement
from tests.support.scoring import make_acme

pytestmark = pytest.mark.django_db


def score(*options: str) -> list[str]:
    """Run ``manage.py score``; its lines."""
    out = StringIO()
    call_command("score", *options, stdout=out)
    return out.getvalue().splitlines()


def refused(*options: str) -> tuple[int, str]:
    """Run ``manage.py score`` where it refuses; its exit code and message."""
    with pytest.raises(CommandError) as error:
        score(*options)
    return error.value.returncode, str(error.value)


def scored_dates() -> list[date]:
    """The dates that were scored, oldest first."""
    return list(PortfolioDay.objects.order_by("date").values_list("date", flat=True))


def test_the_command_scores_the_newest_engagement_date() -> None:
    make_acme()
    assert score() == ["7 May 2025: 1 customer, 1 at risk", "Scored 1 date: 7 May 2025."]
    assert scored_dates() == [date(2025, 5, 7)]


@pytest.mark.usefixtures("today")
def test_the_default_is_never_after_today() -> None:
    acme = make_acme()
    make_engagement(acme, date(2025, 5, 13), issues_tagged=1)
    assert score()[-1] == "Scored 1 date: 7 May 2025."
    make_engagement(acme, date(2025, 5, 12), issues_tagged=1)
    assert score()[-1] == "Scored 1 date: 12 May 2025."


@pytest.mark.usefixtures("today")
def test_without_any_engagement_the_day_of_the_run_is_scored() -> None:
    make_customer()
    assert score()[-1] == "Scored 1 date: 12 May 2025."
    assert scored_dates() == [date(2025, 5, 12)]


def test_the_command_scores_a_given_date() -> None:
    make_acme()
    assert score("--as-of", "2025-05-10") == ["10 May 2025: 1 customer, 1 at risk", "Scored 1 date: 10 May 2025."]
    assert Snapshot.objects.get().score == 45


def test_the_command_scores_each_date_of_a_range() -> None:
    make_acme()
    assert score("--from", "2025-05-02", "--to", "2025-05-04") == [
        "2 May 2025: 0 customers, 0 at risk",
        "3 May 2025: 1 customer, 1 at risk",
        "4 May 2025: 1 customer, 1 at risk",
        "Scored 3 dates: 2 May 2025 to 4 May 2025.",
    ]
    assert scored_dates() == [date(2025, 5, 2), date(2025, 5, 3), date(2025, 5, 4)]


def test_a_range_may_be_one_date() -> None:
    assert score("--from", "2025-05-02", "--to", "2025-05-02")[-1] == "Scored 1 date: 2 May 2025."


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-of", "2025-05-10", "--from", "2025-05-01", "--to", "2025-05-02"], "not both"),
        (["--as-of", "2025-05-10", "--to", "2025-05-02"], "not both"),
        (["--from", "2025-05-02"], "go together"),
        (["--to", "2025-05-02"], "go together"),
        (["--from", "2025-05-03", "--to", "2025-05-02"], "--from 2025-05-03 is after --to 2025-05-02"),
        (["--as-of", "2025-05-13"], "13 May 2025 is in the future"),
        (["--from", "2025-05-10", "--to", "2025-05-13"], "13 May 2025 is in the future"),
        (["--as-of", "1999-12-31"], "No scoring policy is in force on 31 Dec 1999"),
    ],
)
def test_wrong_dates_are_refused_with_2_before_anything_is_scored(options: list[str], message: str) -> None:
    code, said = refused(*options)
    assert code == 2
    assert message in said
    assert scored_dates() == []


@pytest.mark.parametrize("options", [["--as-of", "10.05.2025"], ["--as-of", "2025-02-30"], ["--no-such-option"]])
def test_what_is_no_date_or_no_option_ends_with_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ManagementUtility(["manage.py", "score", *options]).execute()
    assert stopped.value.code == 2
    assert options[-1] in capsys.readouterr().err


@pytest.fixture
def other_process() -> Iterator[None]:
    """Somebody else, with a database session of their own, is scoring."""
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with job_lock("score"):
                holding.set()
                done.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(60)
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("other_process")
def test_while_another_scoring_runs_the_command_ends_with_75() -> None:
    make_acme()
    assert refused() == (75, "Another scoring or an import is running; nothing was done.")
    assert scored_dates() == []


def test_the_lock_is_free_again_after_a_run_and_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    make_acme()
    score()
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "day_totals", Mock(side_effect=RuntimeError("out of luck")))
        with pytest.raises(RuntimeError, match="out of luck"):
            score()
    assert score()[-1] == "Scored 1 date: 7 May 2025."
