"""What was exported and imported into an empty database gives the same rows and the same snapshots."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from analytics.models import PortfolioDay, Snapshot
from analytics.portfolio.metrics_export import write_archive
from analytics.scoring.snapshots import score_day
from customers.feeds.declarations import FEEDS
from customers.feeds.exports import feed_rows
from customers.feeds.reader import BLANKS
from customers.models import Customer, Event, Step
from tests.factories import csv_row, write_feeds
from tests.support.loading import load, states
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

START = date(2025, 4, 20)
SCORED = (date(2025, 4, 25), date(2025, 5, 6), date(2025, 5, 10), date(2025, 6, 1))
STEPS = [step.value for step in Step]
NIGHTS = 3

PIECES = (
    *("=", "+", "-", "@", "'", "''", '"', ",", "\r\n", "\n", "\r", "\t", " ", "\\", "%", "{}", "NULL", "true", "x"),
    *("\u2028", "\u00a0", "\ufeff", "\u200d", "\u202e", "🦀", "👩\u200d🚀", "שלום", "مرحبا", "İ", "ß", "e\u0301"),
    *("-1", "1e5", "0"),
)
TEXT = (
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
    | st.sampled_from(
        ["'=x", "''=x", "'", "'''", "=HYPERLINK(1)", "'\r=x", "-5", "+5", "'-5", '"', '"="', "y" * 9_000]
    )
).map(lambda text: text.strip(BLANKS))
EMAIL = st.sampled_from(["a@example.com", "=1+1@example.com", "+@example.com", "'-x@example.com", "'=x@example.com"])


def day(first: int = 0, last: int = 40) -> st.SearchStrategy[date]:
    return st.integers(first, last).map(lambda days: START + timedelta(days=days))


ARRIVAL = st.integers(0, NIGHTS - 1)
"""The night from which on a row is there."""
Night = dict[str, list[dict[str, str]]]
"""The feeds of a night, as rows of text."""


def draw_histories(draw: st.DrawFn, owner: st.SearchStrategy[str]) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """The rows of each feed that grows, each with the night from which on it is there."""
    histories: dict[str, list[tuple[int, dict[str, str]]]] = {"engagement": [], "feedback": [], "events": []}
    counter = st.sampled_from(["", "0", "0", "0", "1", "3"])
    for number in range(draw(st.integers(0, 6))):
        night = draw(ARRIVAL)
        values = {name: draw(counter) for name in FEEDS["engagement"].column_names[3:]}
        when = draw(day(0, 10 * night + 9)).isoformat()
        row = csv_row("engagement", id=f"e{number}", customer_id=draw(owner), date=when, **values)
        histories["engagement"].append((night, row))
    for number in range(draw(st.integers(0, 3))):
        nps, csat = draw(st.sampled_from([("", "1"), ("0", ""), ("10", "5"), ("7", "3")]))
        row = csv_row(
            "feedback", id=f"f{number}", customer_id=draw(owner), date=draw(day()).isoformat(), nps=nps, csat=csat
        )
        histories["feedback"].append((draw(ARRIVAL), {**row, "comment": draw(TEXT)}))
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(Event.Kind.values))
        row = csv_row("events", id=f"v{number}", customer_id=draw(owner), date=draw(day()).isoformat(), kind=kind)
        histories["events"].append((draw(ARRIVAL), {**row, "detail": draw(TEXT)}))
    return histories


@st.composite
def programs(draw: st.DrawFn) -> list[Night]:
    """Some nights of a small program: its history grows, and what is listed in full changes from night to night."""
    customers = [
        csv_row(
            "customers",
            id=f"c{number}",
            email=draw(EMAIL),
            organization=draw(TEXT)[:200].strip(BLANKS) or "=",
            github_username=draw(TEXT)[:39].strip(BLANKS),
            signup_date=draw(day(0, 12)).isoformat(),
            cohort=draw(TEXT)[:100].strip(BLANKS),
            industry=draw(TEXT)[:100].strip(BLANKS),
            team_size=draw(st.sampled_from(["", "0", "12", "2147483647"])),
            status=draw(st.sampled_from(["", "active", "Trial", "paused"])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    onboarding = [(draw(ARRIVAL), *draw_onboarding(draw, row)) for row in customers if draw(st.booleans())]
    histories = draw_histories(draw, st.sampled_from([row["id"] for row in customers]))
    return [
        {
            "customers": customers,
            "onboarding": [
                {**row, **{step: "yes" if true_on[night] else "" for step, true_on in steps.items()}}
                for since, row, steps in onboarding
                if since <= night
            ],
            **{feed: [row for since, row in rows if since <= night] for feed, rows in histories.items()},
        }
        for night in range(NIGHTS)
    ]


def draw_onboarding(draw: st.DrawFn, customer: dict[str, str]) -> tuple[dict[str, str], dict[str, list[bool]]]:
    """A customer's row without its steps, and for each step whether it is true, night by night."""
    steps = {step: draw(st.lists(st.booleans(), min_size=NIGHTS, max_size=NIGHTS)) for step in STEPS}
    signup = date.fromisoformat(customer["signup_date"])
    completed = draw(st.none() | st.integers(0, 9))
    row = csv_row(
        "onboarding",
        id=f"o{customer['id']}",
        customer_id=customer["id"],
        completed_date="" if completed is None else (signup + timedelta(days=completed)).isoformat(),
        blocker_type=draw(TEXT)[:100].strip(BLANKS),
        notes=draw(TEXT),
    )
    return row, steps


@dataclass(frozen=True)
class State:
    """What must come back, each keyed so that a difference can be read."""

    snapshots: list[dict[str, Any]]
    portfolios: list[dict[str, Any]]
    feeds: dict[str, list[list[str]]]


def score_all(days: Sequence[date] = SCORED) -> State:
    """Score the dates and take down everything that an export stands for, keys of our own tables aside."""
    for scored in days:
        score_day(scored)
    snapshots = [
        {name: value for name, value in row.items() if name not in {"id", "policy_id"}}
        for row in Snapshot.objects.order_by("date", "customer_id").values()
    ]
    aside = {"policy_id", "scored_at", "last_run", "last_api_run"}
    portfolios = [
        {name: value for name, value in row.items() if name not in aside}
        for row in PortfolioDay.objects.order_by("date").values()
    ]
    # The dates that a run has learnt are events in the copy: there they stand among the others.
    return State(snapshots, portfolios, {name: sorted(feed_rows(feed)) for name, feed in FEEDS.items()})


def export_to(folder: Path) -> None:
    """Write the newest date's archive, and unpack it into ``folder``."""
    file = io.BytesIO()
    write_archive(file, PortfolioDay.objects.select_related("policy").latest("date"))
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)


def import_nights(nights: Sequence[Night]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for night in nights:
            outcomes = load(write_feeds(Path(name), **night))
            assert {feed: outcome.quarantined for feed, outcome in outcomes.items()} == dict.fromkeys(FEEDS, 0)


@contextmanager
def empty_database() -> Iterator[None]:
    """A database as it is after ``migrate``, put back at the end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_survives(nights: Sequence[Night]) -> State:
    """The program comes back from its export, be it into an empty database or over itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with empty_database():
            import_nights(nights)
            original = score_all()
            export_to(folder)
            learnt = len(original.feeds["events"]) - Event.objects.count()
            again = load(folder)
            for feed, outcome in again.items():
                created = learnt if feed == "events" else 0
                assert states(outcome) == (created, 0, outcome.rows - created, 0)
                assert outcome.warnings == []
            assert score_all() == original
        with empty_database():
            copied = load(folder)
            for outcome in copied.values():
                assert states(outcome) == (outcome.rows, 0, 0, 0)
                assert outcome.warnings == []
            copy = score_all()
            assert copy.feeds == original.feeds
            assert copy.snapshots == original.snapshots
            assert copy.portfolios == original.portfolios
    return original


@settings(
    max_examples=examples_of_a_push(10),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(nights=programs())
def test_any_program_comes_back_from_its_export(nights: list[Night]) -> None:
    original = assert_survives(nights)
    event(f"steps learnt: {len(original.feeds['events']) - len(nights[-1]['events'])}")


def nights_that_teach() -> list[Night]:
    """Three nights with data through 22 April, 2 May and 12 May, on which steps of two customers turn true.

    Nothing dates the steps of c1. The first issue of c2 is dated by engagement, its account by an event, both before
    the night that saw the flag.
    """
    customers = [csv_row("customers", id=pk, signup_date="2025-04-20", organization="=Ltd") for pk in ("c1", "c2")]
    nothing = dict.fromkeys(FEEDS["engagement"].column_names[3:], "0")
    calls = [
        csv_row("engagement", **{**nothing, "id": "e1", "customer_id": "c1", "date": day, "support_requests": "1"})
        | {"id": f"e{day}"}
        for day in ("2025-04-22", "2025-05-02", "2025-05-12")
    ]
    issue = csv_row("engagement", **{**nothing, "id": "e0", "customer_id": "c2", "date": "2025-04-21"})
    issue["issues_tagged"] = "1"
    true_from = {
        "c1": dict(zip(STEPS, (0, 1, 1, 2, 3), strict=True)),
        "c2": dict(zip(STEPS, (3, 1, 3, 1, 3), strict=True)),
    }
    return [
        {
            "customers": customers,
            "onboarding": [
                csv_row("onboarding", id=f"o{pk}", customer_id=pk)
                | {step: str(first <= night).lower() for step, first in steps.items()}
                for pk, steps in true_from.items()
            ],
            "engagement": [issue, *calls[: night + 1]],
            "feedback": [],
            "events": [csv_row("events", customer_id="c2", date="2025-04-24", kind="account_created")],
        }
        for night in range(NIGHTS)
    ]


def test_the_dates_of_steps_that_runs_have_learnt_survive() -> None:
    original = assert_survives(nights_that_teach())
    assert sorted(row[1:4] for row in original.feeds["events"]) == [
        ["c1", "2025-05-02", "account_created"],
        ["c1", "2025-05-02", "github_action_installed"],
        ["c1", "2025-05-12", "first_issue_tagged"],
        ["c2", "2025-04-24", "account_created"],
    ]
    # Without them all four steps of c1 would count from the signup date on, as its welcome email does.
    steps = {pk: [row["steps_done"] for row in original.snapshots if row["customer_id"] == pk] for pk in ("c1", "c2")}
    assert steps == {"c1": [1, 3, 3, 4], "c2": [2, 2, 2, 2]}


HOSTILE = (
    *("=1+1", "+x", "-x", "@x", "'=x", "''=x", "'''@", "'", "''", "-5", "'-5", "+5", "=" * 39),
    *('"', '"quoted"', 'a "b" c', "a,b", "line\r\nbreak\rand\nmore", "tab\tinside", "'\t=x"),
    *("\u2028", "a\u2029b", "🦀👩\u200d🚀", "עברית", "\u202eevil", "\ufeffBOM", "\u200d"),
)


def test_every_hostile_text_comes_back_in_every_column() -> None:
    numbered = list(enumerate(HOSTILE))
    night: Night = {
        "customers": [
            csv_row("customers", id=f"c{n}", organization=text, github_username=text, cohort=text, industry=text)
            for n, text in numbered
        ],
        "onboarding": [
            csv_row("onboarding", id=f"o{n}", customer_id=f"c{n}", blocker_type=text, notes=text)
            for n, text in numbered
        ],
        "engagement": [],
        "feedback": [csv_row("feedback", id=f"f{n}", customer_id=f"c{n}", comment=text) for n, text in numbered],
        "events": [csv_row("events", id=f"v{n}", customer_id=f"c{n}", detail=text) for n, text in numbered],
    }
    original = assert_survives([night])
    by_key = {name: {row[0]: row for row in rows} for name, rows in original.feeds.items()}
    for n, text in numbered:
        customer = by_key["customers"][f"c{n}"]
        assert (customer[2], customer[3], customer[5], customer[6]) == (text, text, text, text)
        assert by_key["onboarding"][f"o{n}"][9:] == [text, text]
        assert by_key["feedback"][f"f{n}"][5] == text
        assert by_key["events"][f"v{n}"][4] == text


def test_the_longest_texts_come_back() -> None:
    longest = {"=": "=" * 1_000_000, "'": "'" * 999_999 + "=", '"': '"' * 1_000_000, "🦀": "🦀" * 1_000_000}
    night: Night = {
        "customers": [csv_row("customers", id=f"c{n}", organization="=" * 200) for n in range(4)],
        "onboarding": [
            csv_row("onboarding", id=f"o{n}", customer_id=f"c{n}", notes=text, blocker_type="'" * 99 + "@")
            for n, text in enumerate(longest.values())
        ],
        "engagement": [],
        "feedback": [],
        "events": [],
    }
    original = assert_survives([night])
    assert [row[10] for row in original.feeds["onboarding"]] == list(longest.values())


# --- Who may take the ' away ---------------------------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The unpacked export of a program whose customers are called ``=Ltd``; the database is empty again."""
    with empty_database():
        import_nights(nights_that_teach())
        score_all()
        export_to(tmp_path)
    return tmp_path


def organizations() -> set[str]:
    return set(Customer.objects.values_list("organization", flat=True))


def test_the_export_of_these_tests_has_something_to_take_away(exported: Path) -> None:
    with (exported / "customers.csv").open(newline="") as file:
        assert [row["organization"] for row in csv.DictReader(file)] == ["'=Ltd", "'=Ltd"]
    assert {name: outcome.warnings for name, outcome in load(exported).items()} == {feed: [] for feed in FEEDS}
    assert organizations() == {"=Ltd"}


def test_without_the_manifest_every_character_stays(exported: Path) -> None:
    (exported / "manifest.json").unlink()
    outcomes = load(exported)
    assert organizations() == {"'=Ltd"}
    assert outcomes["customers"].warnings == []


def test_of_a_file_that_was_edited_every_character_stays_and_a_warning_tells(exported: Path) -> None:
    path = exported / "customers.csv"
    path.write_bytes(path.read_bytes().replace(b"VIP", b"Beta"))
    outcomes = load(exported)
    assert organizations() == {"'=Ltd"}
    assert outcomes["customers"].warnings == [
        "'customers.csv' is not the file that manifest.json names (another SHA-256); "
        "its cells are taken as they stand, a ' before a formula included"
    ]
    assert outcomes["onboarding"].warnings == []


@pytest.mark.parametrize(
    "broken", ["", "[]", "{}", '{"generator": "rsolv-customer-success"}', "{", "\ufffe", "[" * 99_999]
)
def test_a_manifest_that_says_nothing_is_none(broken: str, exported: Path) -> None:
    (exported / "manifest.json").write_text(broken)
    load(exported)
    assert organizations() == {"'=Ltd"}


def test_the_manifest_of_another_program_is_none(exported: Path) -> None:
    path = exported / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "generator": "another"}))
    load(exported)
    assert organizations() == {"'=Ltd"}


def test_a_customer_whose_steps_are_dated_by_an_export_keeps_those_dates_on_later_nights(exported: Path) -> None:
    """The copy goes on where the original stood: an ordinary night over it changes no date."""
    load(exported)
    for path in exported.iterdir():
        path.unlink()
    night = {feed: rows for feed, rows in nights_that_teach()[-1].items() if feed not in {"events", "feedback"}}
    load(write_feeds(exported, **night))
    assert [(row["customer_id"], row["steps_done"]) for row in score_all().snapshots] == [
        *(("c1", 1), ("c2", 2)),
        *(("c1", 3), ("c2", 2)),
        *(("c1", 3), ("c2", 2)),
        *(("c1", 4), ("c2", 2)),
    ]
