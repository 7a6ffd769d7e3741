"""The command ``forecast``: what it stores and never changes, what it writes, and what it refuses."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from analytics.forecast.bands import band_of, percent_of
from analytics.forecast.model import from_numbers
from analytics.models import Forecast, ForecastAccuracy, ForecastDay, ForecastModel
from customers.models import AuditEntry, Customer, Engagement
from tests.factories import make_day, make_engagement, make_run
from tests.support.commands import held_elsewhere
from tests.support.programs import program, simulated, store

pytestmark = pytest.mark.django_db

FIRST = date(2024, 1, 1)
LAST = FIRST + timedelta(days=299)
Run = Callable[..., list[str]]


@pytest.fixture
def bursty() -> None:
    """120 customers over 300 days: enough for the model."""
    store(simulated(120, 300, seed=11, first=FIRST.toordinal()), make_run())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> list[str]:
        call_command("forecast", *arguments)
        return capsys.readouterr().out.splitlines()

    return call


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def stored() -> list[tuple[object, ...]]:
    return list(Forecast.objects.order_by("date", "customer_id").values_list())


# --- What is written --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bursty")
def test_a_file_has_each_customer_of_each_date_and_nothing_is_stored(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    first, last = LAST - timedelta(days=1), LAST
    said = run("--from", str(first), "--to", str(last), "--csv", str(path))
    written = rows(path)
    assert path.read_bytes().startswith(b"customer_id,date,quiet,first_pr\r\n")
    expected = [
        (customer.pk, str(day))
        for day in (first, last)
        for customer in Customer.objects.order_by("pk")
        if customer.signup_date <= day
    ]
    assert sorted((row["date"], row["customer_id"]) for row in written) == sorted((day, pk) for pk, day in expected)
    assert all(row["quiet"] == "" or (0 <= float(row["quiet"]) <= 1 and len(row["quiet"]) == 6) for row in written)
    assert 40 < sum(row["quiet"] != "" for row in written) < len(written)
    # Nobody has an onboarding, so nobody ever got there: no outcome, no forecast.
    assert {row["first_pr"] for row in written} == {""}
    assert said[-1].startswith(f"Wrote {len(written)} rows")
    assert not Forecast.objects.exists()
    assert not ForecastModel.objects.exists()
    assert AuditEntry.objects.filter(action="export").count() == 1


@pytest.mark.usefixtures("bursty")
def test_what_comes_later_changes_no_line(run: Run, tmp_path: Path) -> None:
    day = LAST - timedelta(days=60)
    run("--as-of", str(day), "--csv", str(tmp_path / "a.csv"))
    Engagement.objects.filter(date__gt=day).delete()
    for customer in Customer.objects.filter(signup_date__lte=day)[:50]:
        make_engagement(customer, day + timedelta(days=1), issues_tagged=3)
    run("--as-of", str(day), "--csv", str(tmp_path / "b.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


# --- What is stored ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bursty")
def test_it_is_stored_once_and_never_changed(run: Run) -> None:
    make_day(date=LAST)
    said = run()
    [quiet] = ForecastDay.objects.filter(target="quiet")
    known = Forecast.objects.exclude(quiet=None)
    assert (quiet.likely, quiet.unclear, quiet.unlikely) == tuple(
        sum(band_of(one.quiet).name == name for one in known) for name in ("likely", "unclear", "unlikely")
    )
    assert min(quiet.likely, quiet.unclear, quiet.unlikely) > 0
    assert not quiet.backfilled
    assert f"{quiet.likely} likely" in said[0]
    assert "First PR: too little to learn from" in said[1]
    model = from_numbers(quiet.model.numbers)
    for one in known:
        assert one.quiet == int(model.probability(one.quiet_features) * 1000 + 0.5)
    before = stored()
    Engagement.objects.exclude(date=LAST).delete()
    assert run("--fit")[-1].startswith("Forecast 0 dates, compared 0")
    assert stored() == before


@pytest.mark.usefixtures("bursty")
def test_a_model_serves_for_28_days_and_none_that_was_trained_later(run: Run) -> None:
    days = [LAST - timedelta(days=ago) for ago in (0, 1)]
    for day in days:
        make_day(date=day)
    for day in days:
        run("--as-of", str(day))
    used = dict(ForecastDay.objects.filter(target="quiet").values_list("date", "model__trained_through"))
    # Asked from the newest on: each older date needs a model of its own, and none takes a later one.
    assert used == {day: day for day in days}
    make_day(date=LAST + timedelta(days=27))
    make_day(date=LAST + timedelta(days=28))
    run("--as-of", str(LAST + timedelta(days=27)))
    run("--as-of", str(LAST + timedelta(days=28)))
    used = dict(ForecastDay.objects.filter(target="quiet").values_list("date", "model__trained_through"))
    assert used[LAST + timedelta(days=27)] == LAST
    assert used[LAST + timedelta(days=28)] == LAST + timedelta(days=28)


@pytest.mark.usefixtures("bursty")
def test_only_scored_dates_of_a_range_are_stored(run: Run) -> None:
    make_day(date=LAST)
    make_day(date=LAST - timedelta(days=3))
    run("--from", str(LAST - timedelta(days=9)), "--to", str(LAST))
    assert {*ForecastDay.objects.values_list("date", flat=True)} == {LAST, LAST - timedelta(days=3)}
    assert ForecastDay.objects.get(date=LAST - timedelta(days=3), target="quiet").backfilled


@pytest.mark.usefixtures("bursty")
def test_once_the_days_are_over_it_is_compared_with_what_happened(run: Run) -> None:
    day = LAST - timedelta(days=30)
    make_day(date=day)
    make_day(date=LAST)
    run("--as-of", str(day))
    [found] = ForecastDay.objects.filter(target="quiet", date=day)
    assert found.compared_at is not None
    hits = {"likely": 0, "unclear": 0, "unlikely": 0}
    error = 0.0
    for one in Forecast.objects.filter(date=day).exclude(quiet=None):
        true = not Engagement.objects.filter(customer=one.customer_id, date__gt=day, date__lte=LAST).exists()
        hits[band_of(one.quiet).name] += true
        error += (one.quiet / 1000 - true) ** 2
    assert (found.likely_true, found.unclear_true, found.unlikely_true) == tuple(hits.values())
    assert sum(hits.values()) > 0
    assert found.squared_error == pytest.approx(error)
    assert found.compared == Forecast.objects.filter(date=day).exclude(quiet=None).count()
    # The newest date's days are not over.
    run("--as-of", str(LAST))
    assert ForecastDay.objects.get(target="quiet", date=LAST).compared_at is None


@pytest.mark.usefixtures("bursty")
def test_the_back_test_is_printed_and_published(run: Run) -> None:
    make_day(date=LAST)
    said = "\n".join(run("--backtest"))
    found = ForecastAccuracy.objects.get(target="quiet")
    assert f"AUC{' ' * 29}{found.figures['auc']['value']:7.3f}" in said
    assert found.first.day > 27
    assert found.cases > 100
    assert len(found.misses) == 10
    assert {*found.misses[0]} == {"customer", "date", "percent", "came_true"}
    assert found.figures["not_acted"]["cases"] == found.cases
    assert ForecastAccuracy.objects.get(target="first_pr").cases == 0
    assert "First PR: no month's end had enough to learn from." in said


# --- Programs that say little -----------------------------------------------------------------------------------


def test_a_program_that_is_too_small_says_what_is_lacking(run: Run) -> None:
    store(program(*[[LAST.toordinal() - ago for ago in range(0, 200, 3)]] * 12), make_run())
    make_day(date=LAST)
    said = run()
    assert said[0].endswith("Going quiet: too little to learn from (12 customers, 0 outcomes).")
    found = ForecastDay.objects.get(target="quiet")
    assert (found.model, found.customers, found.rarer, found.enough_about) == (None, 12, 0, None)
    assert not Forecast.objects.exists()


TOO_LITTLE = "too little to learn from"
D = 739_000


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        pytest.param([[D - ago for ago in range(0, 200, 3)]] * 40, TOO_LITTLE, id="nobody ever quiet"),
        pytest.param([[*range(D - 260, D - 160, 3)]] * 40, "nobody to forecast", id="everybody quiet long ago"),
        pytest.param([[D]] * 40, TOO_LITTLE, id="a single date"),
        pytest.param([[]] * 40, TOO_LITTLE, id="never active"),
        pytest.param([[*range(D - 14_600, D, 20)], *[[D - 40, D]] * 40], TOO_LITTLE, id="forty years"),
    ],
)
def test_strange_programs_are_a_sentence_and_no_error(run: Run, known: list[list[int]], sentence: str) -> None:
    store(program(*known), make_run())
    make_day(date=date.fromordinal(D))
    assert sentence in run("--backtest")[0]


# --- What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 1),
        (["--as-of", "2024-03-01"], 2),
        (["--as-of", "2024-03-01", "--from", "2024-03-01"], 2),
        (["--from", "2024-03-01"], 2),
        (["--from", "2024-03-02", "--to", "2024-03-01"], 2),
        (["--csv", "/no/such/folder/f.csv", "--as-of", "2024-03-01"], 1),
        (["--csv", "f.csv", "--backtest", "--as-of", "2024-03-01"], 2),
    ],
)
def test_what_cannot_be_done(arguments: list[str], code: int) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("forecast", *arguments)
    assert refused.value.returncode == code
    assert not ForecastDay.objects.exists()


@pytest.mark.parametrize("job", ["forecast", "score", "import"])
def test_it_waits_for_nobody(job: str) -> None:
    with held_elsewhere(job), pytest.raises(CommandError) as refused:
        call_command("forecast")
    assert refused.value.returncode == 75


@pytest.mark.parametrize(("thousandths", "percent", "band"), [(495, 50, "likely"), (494, 49, "unclear")])
def test_a_band_agrees_with_the_percent_that_is_shown(thousandths: int, percent: int, band: str) -> None:
    assert (percent_of(thousandths), band_of(thousandths).name) == (percent, band)
