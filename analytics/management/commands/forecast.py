"""``manage.py forecast``: forecast dates and store it, write it as CSV, or try it on the past."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.forecast.forecasting import TARGETS, Forecaster
from analytics.forecast.load import load_program
from analytics.forecast.program import Program
from analytics.forecast.publish import is_due, publish_accuracy
from analytics.forecast.store import compare_outcomes, store_day
from analytics.management.dates import add_dates, asked_dates
from analytics.models import ForecastAccuracy, ForecastDay, PortfolioDay
from analytics.wording import counted
from customers.audit.export import Export
from customers.core.leftovers import PARTIAL, half_done
from customers.feeds.exports import write_csv
from customers.jobs.commands import AuditedCommand, usage_error
from customers.jobs.lock import job_lock
from customers.models import data_date
from customers.text.say import Value, english, in_english, say, say_n
from customers.text.written import decimals

FIGURES = {
    "auc": "AUC",
    "brier": gettext_lazy("Brier score"),
    "skill": gettext_lazy("skill against the base rate"),
    "skill_recency": gettext_lazy("skill against recency alone"),
}
HEADER = ("customer_id", "date", *(target.name for target in TARGETS))


class Command(AuditedCommand):
    """Translates dates on the command line to forecasts."""

    busy = gettext_lazy("Another forecast, a scoring or an import is running; nothing was done.")
    about = gettext_lazy(
        "Forecast who goes quiet and who gets a first PR in the 30 days after a scored date, or after each one of a "
        "range, and store it; by default after the newest one. What is stored is never changed. Dates whose 30 days "
        "are over are compared with what happened. --csv writes the forecasts of the dates to a file instead. "
        "Exit code: 0 done, 1 nothing is scored yet or the file cannot be written, 2 usage, 75 another forecast, a "
        "scoring or an import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_dates(parser, gettext("the date to forecast from"))
        parser.add_argument("--fit", action="store_true", help=gettext("learn anew, however new the model is"))
        parser.add_argument(
            "--backtest",
            action="store_true",
            help=gettext("also forecast the past months' ends, compare and publish"),
        )
        parser.add_argument(
            "--backtest-if-due", action="store_true", help=gettext("do so if a model was learnt since the last")
        )
        parser.add_argument("--csv", type=Path, metavar="FILE", help=gettext("write to a file, and store nothing"))

    def handle(
        self,
        *,
        as_of: date | None,
        first: date | None,
        last: date | None,
        fit: bool,
        backtest: bool,
        backtest_if_due: bool,
        csv: Path | None,
        **options: object,
    ) -> None:
        if csv and backtest:
            raise usage_error(gettext("--csv stores nothing, so that --backtest has nothing to publish."))
        asked = asked_dates(as_of, first, last)
        with job_lock("forecast"), job_lock("score", shared=True), job_lock("import", shared=True):
            newest = data_date()
            if csv:
                self._write(csv, asked or [_newest_scored()], fit)
            else:
                days = _scored(asked)
                program = load_program(max(newest, days[-1]))
                self._store(program, days, newest, fit)
                if backtest or (backtest_if_due and is_due()):
                    with in_english():
                        published = publish_accuracy(program, newest)
                    for found in published:
                        self.stdout.write(_table(found))

    def _store(self, program: Program, days: Sequence[date], newest: date, fit: bool) -> None:
        forecaster = Forecaster(program, keep=True, fit_anew=fit)
        with in_english():
            stored = [one for day in days for one in store_day(forecaster, day, newest)]
            compared = compare_outcomes(program, newest)
        for one in stored:
            self.stdout.write(_said(one))
        there = len(days) - len({one.date for one in stored})
        done = say(
            "Forecast {dates}, compared {number} with what happened.",
            dates=counted(len(days) - there, "date"),
            number=compared,
        )
        if there:
            kept = say("{dates} had been forecast before and stays as it was.", dates=counted(there, "date"))
            done = f"{done} {kept}"
        self.stdout.write(done)

    def _write(self, path: Path, days: Sequence[date], fit: bool) -> None:
        program = load_program(days[-1])
        forecaster = Forecaster(program, keep=False, fit_anew=fit)
        try:
            with half_done(path.with_name(f".{path.name}{PARTIAL}"), path, 0o600) as file:
                number = write_csv(file, HEADER, _rows(program, forecaster, days), for_people=False).rows
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        with in_english():
            written = english(f"{counted(number, 'forecast')} from {days[0]} to {days[-1]}")
            Export(path.name, path.name, written).record()
        self.stdout.write(say("Wrote {rows} to {path}.", rows=counted(number, "row"), path=str(path)))


def _newest_scored() -> date:
    newest = PortfolioDay.objects.newest()
    if newest is None:
        raise CommandError(gettext("No date is scored yet; run import_csvs and score first."))
    return newest.date


def _scored(asked: list[date]) -> list[date]:
    """Return those of the dates that are scored: of a range those that are, of one date that one or none."""
    if not asked:
        return [_newest_scored()]
    scored = PortfolioDay.objects.filter(date__range=(asked[0], asked[-1])).order_by("date")
    days = list(scored.values_list("date", flat=True))
    if not days:
        first = str(asked[0])
        raise usage_error(say("{day} is not scored; run `manage.py score --as-of {iso}` first.", day=first, iso=first))
    return days


def _rows(program: Program, forecaster: Forecaster, days: Sequence[date]) -> Iterator[Sequence[str]]:
    for day in days:
        of_targets = [dict(zip(one.keys, one.probabilities, strict=True)) for one in forecaster.forecast(day)]
        for key, signup in zip(program.keys, program.signups.tolist(), strict=True):
            if signup <= day.toordinal():
                values = (of_target.get(key) for of_target in of_targets)
                yield (key, day.isoformat(), *("" if value is None else f"{value:.4f}" for value in values))


def _said(day: ForecastDay) -> str:
    """Return a date's forecasts of one target as a line."""
    of_day: dict[str, Value] = {"day": day.date, "target": day.get_target_display()}
    if day.model is None:
        known = {"customers": counted(day.customers, "customer"), "outcomes": counted(day.rarer, "outcome")}
        return say("{day}, {target}: too little to learn from ({customers}, {outcomes}).", **of_day, **known)
    if not day.likely + day.unclear + day.unlikely:
        return say("{day}, {target}: nobody to forecast.", **of_day)
    numbers = {"likely": day.likely, "unclear": day.unclear, "unlikely": day.unlikely}
    return say("{day}, {target}: {likely} likely, {unclear} unclear, {unlikely} unlikely.", **of_day, **numbers)


def _table(found: ForecastAccuracy) -> str:
    """Return what a back-test found as lines."""
    name = found.get_target_display()
    if not found.cases:
        return say("{target}: no month's end had enough to learn from.", target=name)
    cases = {"cases": counted(found.cases, "case"), "customers": counted(found.customers, "customer")}
    lines = [
        say_n(
            "{target}: {cases} of {customers}, {number} month",
            "{target}: {cases} of {customers}, {number} months",
            found.months,
            target=name,
            **cases,
        )
    ]
    for figure, label in FIGURES.items():
        if figure not in found.figures:
            same = gettext("(it was the same for all)")
            lines.append(f"  {label!s:<32}      –  {same}")
            continue
        value, low, high = (decimals(found.figures[figure][part], 3) for part in ("value", "low", "high"))
        between = say("({low} to {high})", low=low, high=high)
        lines.append(f"  {label!s:<32}{value:>7}  {between}")
    lines += [
        say(
            "  the {size} riskiest: {hits} of {called} flagged, of {came_true} in all",
            size=top["size"],
            hits=top["hits"],
            called=top["called"],
            came_true=top["came_true"],
        )
        for top in found.figures["tops"]
    ]
    return "\n".join(lines)
